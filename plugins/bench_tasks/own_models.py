"""Reading a stranger's model: its inputs' names, shapes and types, its file, its answers before compression."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import bench
from bench_tasks.own_task import OwnTask


@dataclass(frozen=True)
class Input:
    """One input: `shape` with None where free (its first axis is the batch) and numpy type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Model(Protocol):
    """A model that can be asked before anything is done to it."""

    format: str

    def inputs(self) -> list[Input]:
        """Return its inputs."""

    def write(self, folder: Path) -> Path:
        """Write its file into a folder."""

    def answer(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return its outputs by name."""


def own_task(model: Model, data: str | None) -> OwnTask:
    """Return the task of a model; one made by a factory can hand its module to steps that work on modules."""
    kind = OwnModuleTask if isinstance(model, FactoryModel) else OwnTask
    return kind(model, _read(data) if data else None)


class OwnModuleTask(OwnTask):
    """The task of a module in memory."""

    def module(self) -> Any:
        """Return a fresh module in evaluation mode."""
        return self.model.fresh()


class OnnxModel:
    """An .onnx file."""

    format = "onnx"

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def _session(self) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        return onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])

    def inputs(self) -> list[Input]:
        """Return the graph's inputs."""
        found = []
        for each in self._session().get_inputs():
            kind = (
                each.type.removeprefix("tensor(")
                .removesuffix(")")
                .replace("float", "float32")
                .replace("float3216", "float16")
            )
            kind = {"double": "float64", "bool": "bool"}.get(kind, kind)
            shape = tuple(size if isinstance(size, int) and size > 0 else None for size in each.shape)
            found.append(Input(each.name, shape, np.dtype(kind)))
        return found

    def write(self, folder: Path) -> Path:
        """Copy the file, weights that lie beside it taken in."""
        import onnx

        path = folder / "model.onnx"
        onnx.save(onnx.load(str(self.path)), str(path))
        return path

    def answer(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Run it in onnxruntime."""
        session = self._session()
        names = [each.name for each in session.get_outputs()]
        return dict(zip(names, session.run(None, dict(arrays)), strict=True))


class ProgramModel:
    """A .pt2 file."""

    format = "torch"

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def _program(self) -> Any:
        import torch

        return torch.export.load(str(self.path))

    def inputs(self) -> list[Input]:
        """Return the program's inputs, free axes as the program states them."""
        program = self._program()
        names = program.graph_signature.user_inputs
        nodes = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
        values = program.example_inputs[1] if program.example_inputs and program.example_inputs[1] else {}
        public = list(values) if len(values) == len(names) else list(names)
        return [_tensor_input(name, nodes[inside]) for name, inside in zip(public, names, strict=True)]

    def write(self, folder: Path) -> Path:
        """Copy the file."""
        return Path(shutil.copyfile(self.path, folder / "model.pt2"))

    def answer(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Run it eagerly."""
        return _answer(self._program().module(), arrays)


class FactoryModel:
    """`package.module:factory`, found from the current folder as Python would."""

    format = "module"

    def __init__(self, place: str) -> None:
        self.place = place
        self._examples: Mapping[str, Any] = {}

    def fresh(self) -> Any:
        """Return a fresh module in evaluation mode."""
        name, _, attribute = self.place.partition(":")
        made = getattr(importlib.import_module(name), attribute)()
        module, self._examples = made if isinstance(made, tuple) else (made, {})
        if not hasattr(module, "state_dict"):
            raise TypeError(
                f"{self.place} returns a torch module, or (module, inputs by name), not {type(module).__name__}"
            )
        return module.eval()

    def inputs(self) -> list[Input]:
        """Return the inputs that the factory gave beside the module."""
        self.fresh()
        arrays = {name: np.asarray(value) for name, value in self._examples.items()}
        return [Input(name, (None, *value.shape[1:]), value.dtype) for name, value in arrays.items()]

    def write(self, folder: Path) -> Path:
        """Raise: a module stays in memory; a converter writes the file."""
        raise bench.Unsupported(f"{self.place} is a module in memory, not a file under {folder.name}")

    def answer(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Run the module."""
        return _answer(self.fresh(), arrays)


def _answer(module: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    tensors = {name: torch.as_tensor(value) for name, value in arrays.items()}
    with torch.inference_mode():
        try:
            result = module(**tensors)
        except TypeError:  # a program exported with positional inputs
            result = module(*tensors.values())
    parts = (
        list(result.values())
        if isinstance(result, dict)
        else list(result)
        if isinstance(result, (list, tuple))
        else [result]
    )
    return {f"output_{index}": part.float().numpy() for index, part in enumerate(parts)}


def _tensor_input(name: str, value: Any) -> Input:
    shape = tuple(size if type(size) is int else None for size in value.shape)
    return Input(name, shape, np.dtype(str(value.dtype).removeprefix("torch.")))


def _read(path: str) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
