"""Whether a program leaves its state and inputs as they were: only then do two calls measure the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.export.graph_signature import InputKind, OutputKind

import bench
from bench_torch.program import STATE


def check_pure(program: Any) -> None:
    """Raise Unsupported for a program that writes to its buffers or inputs, or takes inputs that are no tensors."""
    kinds = {each.kind for each in program.graph_signature.output_specs}
    written = [node.name for node in program.graph.nodes for source in _written(node) if _is_placeholder(source)]
    if written or kinds - {OutputKind.USER_OUTPUT}:
        raise bench.Unsupported(
            "the program writes to its own buffers or inputs, so no two calls measure the same thing",
            cure="export it in evaluation mode, without caches or counters",
        )
    odd = {each.kind for each in program.graph_signature.input_specs} - {*STATE, InputKind.USER_INPUT}
    if odd:
        names = ", ".join(sorted(each.name for each in odd))
        raise bench.Unsupported(f"the program takes inputs that are no tensors ({names})")


def _written(node: Any) -> Iterator[Any]:
    """Yield the nodes whose memory an operator writes into."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return
    for position, argument in enumerate(node.target._schema.arguments):
        given = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
        if argument.is_write and isinstance(given, torch.fx.Node):
            yield _owner(given)


def _owner(node: Any) -> Any:
    """Follow views back to the node that made the memory."""
    while node.op == "call_function" and node.all_input_nodes and _is_view(node):
        node = node.all_input_nodes[0]
    return node


def _is_view(node: Any) -> bool:
    """Whether the result may share its first input's memory: by the operator's schema, unless the type changed."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return True  # getitem of a list of views
    shares = any(each.alias_info is not None for each in node.target._schema.returns)
    return shares and _dtype(node) in (None, _dtype(node.all_input_nodes[0]))


def _dtype(node: Any) -> Any:
    return getattr(node.meta.get("val"), "dtype", None)


def _is_placeholder(node: Any) -> bool:
    return str(node.op) == "placeholder"
