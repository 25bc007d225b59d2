"""Exported programs on their way down: loading a .pt2 file, and tracing it at the one batch of a .pte file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

import bench

SHOWN = 300


@dataclass(frozen=True)
class Input:
    """One input of a program: `shape` has None where the axis is free."""

    name: str
    shape: tuple[int | None, ...]
    dtype: Any


@dataclass(frozen=True)
class Source:
    """A loaded program, its inputs in order, and the tree that its arguments are packed in."""

    program: Any
    inputs: tuple[Input, ...]

    @property
    def batch(self) -> int:
        """Return the rows that the .pte program will take: what the source fixes, else 1."""
        return self.inputs[0].shape[0] or 1

    def arguments(self, arrays: Mapping[str, Any] | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments: these arrays by input name, or zeros of the batch."""
        values = [_zeros(each) if arrays is None else _tensor(arrays[each.name], each) for each in self.inputs]
        positional, keywords = pytree.tree_unflatten(values, self.program.call_spec.in_spec)
        return tuple(positional), dict(keywords)


def load(path: Path) -> Source:
    """Load a .pt2 file. Raises Unsupported for a file that is no program, and for inputs that are no tensors."""
    try:
        with quiet():
            program = torch.export.load(path)
    except Exception as error:
        cure = f"export it again with torch {torch.__version__}"
        raise bench.Unsupported(f"{path.name} does not load as a program: {reason(error)}", cure=cure) from error
    placeholders = [each.arg.name for each in program.graph_signature.input_specs if each.kind == InputKind.USER_INPUT]
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    if not placeholders or not all(isinstance(values[each], torch.Tensor) for each in placeholders):
        raise bench.Unsupported(f"{path.name} takes something else than tensors, which a .pte file of ours does not")
    inputs = tuple(
        Input(name, tuple(_size(each) for each in values[held].shape), values[held].dtype)
        for name, held in zip(_names(program, placeholders), placeholders, strict=True)
    )
    return Source(program, inputs)


def traced(module: Any, source: Source) -> Any:
    """Return the program of a module at the source's batch, nothing about its shapes left open."""
    positional, keywords = source.arguments()
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(module, positional, keywords)
    except Exception as error:
        raise bench.Unsupported(
            f"the program cannot be traced at batch {source.batch}: {reason(error)}",
            cure="export it at a fixed batch yourself",
        ) from error


def reason(error: BaseException) -> str:
    """Return what an exporter's error says, in one line."""
    return " ".join(str(error).split())[:SHOWN] or type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Keep notes about other devices' kernels, and deprecations inside the libraries, off the terminal."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _names(program: Any, placeholders: list[str]) -> list[str]:
    """Keyword names where every input is a plain keyword, else the placeholders' own."""
    positional, keywords = pytree.tree_unflatten(placeholders, program.call_spec.in_spec)
    plain = not positional and all(isinstance(each, str) for each in keywords.values())
    return [str(each) for each in keywords] if plain else placeholders


def _size(size: Any) -> int | None:
    return size if isinstance(size, int) else None


def _zeros(wanted: Input) -> Any:
    return torch.zeros([1 if each is None else each for each in wanted.shape], dtype=wanted.dtype)


def _tensor(array: Any, wanted: Input) -> Any:
    return torch.tensor(array).to(wanted.dtype)
