"""Models of your own for `bench try`: a .pt2 program, or a module made by `package.module:factory`."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_torch.program import inputs_of, load_program


class ProgramModel:
    """A .pt2 file, vetted before it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def inputs(self) -> list[bench.ModelInput]:
        """Return the program's inputs, free axes as the program states them."""
        return [
            bench.ModelInput(each.name, each.shape, _numpy(each.dtype)) for each in inputs_of(load_program(self.path))
        ]

    def write(self, folder: Path) -> Path:
        """Copy the file, once it is known to hold a program and nothing else."""
        load_program(self.path)
        return Path(shutil.copyfile(self.path, folder / "model.pt2"))

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run it eagerly."""
        from bench_torch.session import open_session

        artifact = bench.Artifact.of(self.path, "torch")
        return open_session(artifact, device="cpu", threads=1, compiled=False).run(arrays)


class FactoryModel:
    """`package.module:factory`, found as Python finds it from the current folder."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._examples: Mapping[str, Any] = {}

    def fresh(self) -> Any:
        """Return a fresh module in evaluation mode. Raises Unsupported when the factory returns something else."""
        name, _, attribute = self.place.partition(":")
        made = getattr(importlib.import_module(name), attribute)()
        module, self._examples = made if isinstance(made, tuple) else (made, {})
        if not isinstance(module, torch.nn.Module):
            what = type(module).__name__
            raise bench.Unsupported(f"{self.place} returns a torch module, or (module, inputs by name), not {what}")
        return module.eval()

    def inputs(self) -> list[bench.ModelInput]:
        """Return the inputs that the factory gave beside the module."""
        self.fresh()
        arrays = {name: np.asarray(value) for name, value in self._examples.items()}
        return [bench.ModelInput(name, (None, *value.shape[1:]), value.dtype) for name, value in arrays.items()]

    def write(self, folder: Path) -> Path:
        """Raise: a module stays in memory; a converter writes the file."""
        raise bench.Unsupported(f"{self.place} is a module in memory, no file for {folder.name}")

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run the module."""
        with torch.inference_mode():
            result = self.fresh()(**{name: torch.as_tensor(value) for name, value in arrays.items()})
        parts = result if isinstance(result, (list, tuple)) else [result]
        return {f"output_{index}": part.float().numpy() for index, part in enumerate(parts)}


class ModuleTask(bench.ModelTask):
    """The task of a module in memory."""

    def __init__(self, model: FactoryModel, data: str | None, metric: str | None = None) -> None:
        super().__init__(model, data, metric)
        self._factory = model

    def module(self) -> Any:
        """Return a fresh module in evaluation mode."""
        return self._factory.fresh()


def _numpy(kind: Any) -> np.dtype[Any]:
    return np.dtype(str(kind).removeprefix("torch."))
