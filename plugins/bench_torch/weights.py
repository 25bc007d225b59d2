"""Counting what a program holds: weights, and those that are not zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

import bench

CONVENTION = "weights the program uses; biases and normalisation counted, running statistics, scales and zero points not"


def count_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Count the elements of the weights in use, a shared weight once."""
    from bench_torch.analysis import analyse

    found = analyse(artifact)
    return bench.Reading.counted(found.parameters, "count", convention=CONVENTION, by_dtype=dict(found.parameters_by_dtype))


def count_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Count the weights whose value differs from zero; a quantised one is zero at its zero point."""
    from bench_torch.analysis import analyse

    found = analyse(artifact)
    return bench.Reading.counted(found.nonzero, "count", convention=CONVENTION)


def weights_of(graph: Any, state: Mapping[str, Any], parameters: frozenset[str]) -> list[tuple[Any, Any]]:
    """Return the weights as (stored tensor, its real values), shared ones once.

    `parameters` are the placeholders that were parameters of the module. Quantised programs keep their weights as
    8-bit buffers of two axes or more (vectors are scales and zero points); these count too.
    """
    found: dict[Any, tuple[Any, Any]] = {}
    for node in graph.graph.nodes:
        value = state.get(node.name) if node.op == "placeholder" and node.users else None
        if isinstance(value, torch.Tensor) and (node.name in parameters or _is_quantised_weight(value)):
            found[_identity(value, node.name)] = (value, _real(node, value, state))
    return list(found.values())


def _is_quantised_weight(value: Any) -> bool:
    return value.ndim >= 2 and value.element_size() == 1 and value.dtype != torch.bool


def _identity(value: Any, name: str) -> Any:
    """Two names for the same memory, shape and strides are one weight (tied embeddings)."""
    plain = type(value) in (torch.Tensor, torch.nn.Parameter) and value.numel() > 0
    return (value.data_ptr(), tuple(value.shape), value.stride()) if plain else name


def _real(node: Any, value: Any, state: Mapping[str, Any]) -> Any:
    if hasattr(value, "dequantize") and type(value) not in (torch.Tensor, torch.nn.Parameter):
        return value.dequantize()
    for user in node.users:
        if "dequantize" in str(user.target) and user.args and user.args[0] is node:
            arguments = [state.get(each.name, each) if isinstance(each, torch.fx.Node) else each for each in user.args]
            if not any(isinstance(each, torch.fx.Node) for each in arguments):
                return user.target(*arguments, **user.kwargs)
    return value
