"""Counting what a program holds: weights, and those that are not zero."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch.export.graph_signature import InputKind

import bench
from bench_torch.program import STATE

CONVENTION = "weights in use, biases and normalisation too; not running statistics, scales and zero points"
# torchao's quantised tensors, unwrapped: original0 holds the integers, the others their scales and zero points.
UNWRAPPED = re.compile(r"(?P<weight>.*\.?parametrizations\.\w+)\.original(?P<part>\d+)")


def count_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Count the elements of the weights in use, a shared weight once."""
    from bench_torch.analysis import analyse

    found = analyse(artifact)
    sizes = dict(found.parameters_by_dtype)
    return bench.Reading.counted(found.parameters, "count", convention=CONVENTION, by_dtype=sizes)


def count_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Count the weights whose value differs from zero; a quantised one is zero at its zero point."""
    from bench_torch.analysis import analyse

    return bench.Reading.counted(analyse(artifact).nonzero, "count", convention=CONVENTION)


def count_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Count the bytes of the file if each weight took the smallest of its encodings, and equal weights one."""
    from bench_torch.analysis import analyse

    return analyse(artifact).stored.reading(artifact.size_bytes)


def stored_bits(tensor: Any) -> float:
    """Return the bits that an element takes in the file."""
    return 8.0 * float(tensor.element_size())


def numbers(real: Any, stored: Any) -> Any:
    """Return a weight's numbers as an array; the integers themselves where they are zero where the weight is."""
    whole = type(stored) in (torch.Tensor, torch.nn.Parameter) and _is_integer(stored) and stored.shape == real.shape
    if whole and torch.equal(stored == 0, real == 0):
        return stored.detach().numpy()
    if _is_integer(stored):
        return (real != 0).to(torch.int8).numpy()  # which are zero is all that their encodings need
    return real.detach().float().numpy() if real.dtype == torch.bfloat16 else real.detach().numpy()


def weight_names(program: Any, state: Mapping[str, Any]) -> frozenset[str]:
    """Return the placeholders that hold weights.

    These are the module's parameters, and the 8-bit buffers of two axes or more in which quantised programs keep their
    weights (vectors are scales and zero points), less the scales and zero points that torchao keeps as parameters.
    """
    specs = [each for each in program.graph_signature.input_specs if each.kind in STATE]
    quantised = {_part(each.target)[0] for each in specs if _is_integer(state[each.arg.name])} - {""}
    return frozenset(each.arg.name for each in specs if _is_weight(each, state[each.arg.name], quantised))


def weights_of(graph: Any, state: Mapping[str, Any], names: frozenset[str]) -> list[tuple[Any, Any]]:
    """Return the named weights that the graph uses as (stored tensor, its real values), shared ones once."""
    found: dict[Any, tuple[Any, Any]] = {}
    for node in graph.graph.nodes:
        if node.op == "placeholder" and node.users and node.name in names:
            value = state[node.name]
            found[_identity(value, node.name)] = (value, _real(node, value, state))
    return list(found.values())


def _is_weight(spec: Any, value: Any, quantised: set[str]) -> bool:
    weight, part = _part(spec.target)
    if weight in quantised and part > 0:
        return False
    return spec.kind == InputKind.PARAMETER or (_is_integer(value) and value.ndim >= 2)


def _part(target: str) -> tuple[str, int]:
    match = UNWRAPPED.fullmatch(target)
    return (match["weight"], int(match["part"])) if match else ("", 0)


def _is_integer(value: Any) -> bool:
    return value.element_size() == 1 and value.dtype != torch.bool


def _identity(value: Any, name: str) -> Any:
    """Two names for the same memory, shape and strides are one weight (tied embeddings)."""
    plain = type(value) in (torch.Tensor, torch.nn.Parameter) and value.numel() > 0
    return (value.data_ptr(), tuple(value.shape), value.stride()) if plain else name


def _real(node: Any, value: Any, state: Mapping[str, Any]) -> Any:
    """Return the numbers that a stored weight stands for, by its dequantise operator where it has one."""
    if hasattr(value, "dequantize") and type(value) not in (torch.Tensor, torch.nn.Parameter):
        return value.dequantize()
    for user in node.users:
        if "dequantize" in str(user.target) and user.args and user.args[0] is node:
            arguments = [state.get(each.name, each) if isinstance(each, torch.fx.Node) else each for each in user.args]
            if not any(isinstance(each, torch.fx.Node) for each in arguments):
                return user.target(*arguments, **user.kwargs)
    return value
