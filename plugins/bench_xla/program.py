"""From a .pt2 file to a graph that is called with tensors of one device, in order."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind

import bench
from bench_xla.archive import QUANTISED, vet
from bench_xla.quantised import replace_quantised

STATE = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
# Checks of what the program was traced with, its device among them; they compute nothing.
ASSERTIONS = ("aten::_assert_tensor_metadata", "aten::_assert_async", "aten::sym_constrain_range_for_size")
# torch 2.9 registers these operators itself; later releases leave that to torchao.
REGISTERED_BY = ("torch.ao.quantization.fx._decomposed", "torchao.quantization.pt2e.quantize_pt2e")


@dataclass(frozen=True)
class Input:
    """One input of a program as users name it."""

    name: str
    placeholder: str
    dtype: Any


@dataclass(frozen=True)
class Program:
    """A graph called with every placeholder in order; `state` holds the values of those that are no inputs."""

    graph: Any
    state: Mapping[str, Any]
    inputs: tuple[Input, ...]

    @property
    def order(self) -> list[str]:
        """The placeholders in the order of the graph's arguments."""
        return [str(node.target) for node in self.graph.graph.nodes if node.op == "placeholder"]


def load_program(path: Path, device: Any) -> Program:
    """Load a .pt2 file, of this release of torch or a later one, for a device; its state stays where it is.

    Raises Unsupported when the file is no program, holds more than data, or writes to its own state.
    """
    if QUANTISED in vet(path):
        _register(path)
    try:
        with quiet():
            exported = torch.export.load(path)
    except Exception as error:  # a schema of the future may fail in any way
        message = f"{path.name} does not load in torch {torch.__version__}: {' '.join(str(error).split())[:300]}"
        raise bench.Unsupported(message, cure=f"export it with torch {torch.__version__.partition('+')[0]}") from error
    _check_pure(exported)
    graph = exported.graph_module
    replace_quantised(graph, path.name)
    for node in reversed(graph.graph.nodes):
        if _schema_name(node.target) in ASSERTIONS:
            graph.graph.erase_node(node)
        elif node.op == "call_function" and "device" in node.kwargs:
            node.kwargs = {**node.kwargs, "device": device}
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return Program(graph, _state_of(exported), _inputs_of(exported))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep notes about the loading of files off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _register(path: Path) -> None:
    for name in REGISTERED_BY:
        try:
            with quiet():
                importlib.import_module(name)
            return
        except ImportError:
            continue
    raise bench.Unsupported(f"{path.name} holds quantised operators, which torch {torch.__version__} does not know")


def _check_pure(exported: Any) -> None:
    """Refuse a program that writes to its buffers or inputs, or takes inputs that are no tensors."""
    kinds = {each.kind for each in exported.graph_signature.output_specs}
    if kinds - {OutputKind.USER_OUTPUT} or any(map(_writes_outside, exported.graph.nodes)):
        raise bench.Unsupported(
            "the program writes to its own buffers or inputs, so no two calls measure the same thing",
            cure="export it in evaluation mode, without caches or counters",
        )
    odd = {each.kind for each in exported.graph_signature.input_specs} - {*STATE, InputKind.USER_INPUT}
    if odd:
        names = ", ".join(sorted(each.name for each in odd))
        raise bench.Unsupported(f"the program takes inputs that are no tensors ({names})")


def _writes_outside(node: Any) -> bool:
    """Whether an operator writes into memory that the graph was given, directly or through views."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    arguments = node.target._schema.arguments
    given = [node.args[i] if i < len(node.args) else node.kwargs.get(each.name) for i, each in enumerate(arguments)]
    written = [value for value, each in zip(given, arguments, strict=True) if each.is_write]
    return any(isinstance(each, torch.fx.Node) and _owner(each).op == "placeholder" for each in written)


def _owner(node: Any) -> Any:
    """Follow views back to the node that made the memory."""
    while node.op == "call_function" and node.all_input_nodes and _shares(node.target):
        node = node.all_input_nodes[0]
    return node


def _shares(target: Any) -> bool:
    if not isinstance(target, torch._ops.OpOverload):
        return True  # getitem of a list of views
    return any(each.alias_info is not None for each in target._schema.returns)


def _state_of(exported: Any) -> dict[str, Any]:
    """Return parameters, buffers and constants by placeholder, and the values that were no tensors when traced."""
    stored = {**exported.state_dict, **exported.constants}
    specs = exported.graph_signature.input_specs
    state = {each.arg.name: stored[each.target].detach() for each in specs if each.kind in STATE}
    return state | {each.arg.name: each.arg.value for each in specs if isinstance(each.arg, ConstantArgument)}


def _inputs_of(exported: Any) -> tuple[Input, ...]:
    """Return the tensors that a caller passes, under the names of their keyword arguments where all have one."""
    specs = [each for each in exported.graph_signature.input_specs if each.kind == InputKind.USER_INPUT]
    values = {node.name: node.meta.get("val") for node in exported.graph.nodes if node.op == "placeholder"}
    placeholders = [each.arg.name for each in specs]
    names = _keywords(exported, placeholders)
    pairs = zip(names, placeholders, strict=True)
    return tuple(Input(n, p, values[p].dtype) for n, p in pairs if isinstance(values[p], torch.Tensor))


def _keywords(exported: Any, placeholders: list[str]) -> list[str]:
    spec = exported.call_spec.in_spec
    children = spec.children() if callable(getattr(spec, "children", None)) else spec.children_specs
    positional, keywords = children
    if positional.num_leaves == 0 and len(keywords.context) == keywords.num_leaves == len(placeholders):
        return [str(each) for each in keywords.context]
    return placeholders


def _schema_name(target: Any) -> str:
    return str(target.name()) if isinstance(target, torch._ops.OpOverload) else ""
