"""Exported programs: loading them with the operators they name, and what goes in and out."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import ConstantArgument, InputKind

import bench
from bench_torch.archive import Archive

# Operators that exist only once their library is imported: namespace in torch.ops -> module that registers them.
REGISTERED_BY = {
    "quantized_decomposed": "torchao.quantization.pt2e.quantize_pt2e",
    "torchao": "torchao.quantization",
}
STATE = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


def load_program(path: Path) -> Any:
    """Load a .pt2 file, importing torchao only when the program names its operators or tensors.

    Raises Unsupported when the file is no program, holds pickled objects that are not tensors, or needs a library
    that is not installed.
    """
    archive = Archive(path)
    for module in sorted({REGISTERED_BY[each] for each in archive.namespaces() if each in REGISTERED_BY}):
        _register(module, path)
    if archive.has_pickled_tensors:
        _register(REGISTERED_BY["torchao"], path)
    archive.vet()
    try:
        with quiet():
            return torch.export.load(path)
    except (RuntimeError, AssertionError, ValueError) as error:
        message = f"{path.name} does not load as a torch.export program: {str(error)[:300]}"
        raise bench.Unsupported(message, cure=f"export it again with torch {torch.__version__}") from error


def _register(module: str, path: Path) -> None:
    name = module.partition(".")[0]
    if importlib.util.find_spec(name) is None:
        message = f"{path.name} holds quantised operators of {name}, which is not installed"
        raise bench.Unsupported(message, cure="pip install 'joulebench[torch]'")
    with quiet():
        importlib.import_module(module)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep notes about kernels for other devices and deprecations inside torch off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


@dataclass(frozen=True)
class Input:
    """One input of a program as users name it; `shape` has None where the axis is dynamic."""

    name: str
    placeholder: str
    shape: tuple[int | None, ...]
    dtype: Any


def inputs_of(program: Any) -> tuple[Input, ...]:
    """Return the tensors that a caller passes, in the program's order, under the names of its keyword arguments."""
    specs = [each for each in program.graph_signature.input_specs if each.kind == InputKind.USER_INPUT]
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    names = _names(program, [each.arg.name for each in specs])
    return tuple(
        Input(
            name, spec.arg.name, tuple(_size(each) for each in values[spec.arg.name].shape), values[spec.arg.name].dtype
        )
        for name, spec in zip(names, specs, strict=True)
        if isinstance(values[spec.arg.name], torch.Tensor)
    )


def _names(program: Any, placeholders: list[str]) -> list[str]:
    """Keyword names where every input is a plain tensor, else the placeholders' own (forward's names)."""
    spec = program.call_spec.in_spec
    positional, keywords = (
        spec.children() if hasattr(spec, "children") and callable(spec.children) else spec.children_specs
    )
    if positional.num_leaves == 0 and len(keywords.context) == keywords.num_leaves == len(placeholders):
        return [str(each) for each in keywords.context]
    return placeholders


def _size(size: Any) -> int | None:
    return size if isinstance(size, int) else None


def state_of(program: Any) -> dict[str, Any]:
    """Return parameters, buffers and constants by placeholder name, detached."""
    stored: Mapping[str, Any] = {**program.state_dict, **program.constants}
    specs = [each for each in program.graph_signature.input_specs if each.kind in STATE]
    return {each.arg.name: stored[each.target].detach() for each in specs}


def constants_of(program: Any) -> dict[str, Any]:
    """Return inputs that were not tensors when the program was traced: their values are part of it."""
    specs = (each for each in program.graph_signature.input_specs if isinstance(each.arg, ConstantArgument))
    return {each.arg.name: each.arg.value for each in specs}
