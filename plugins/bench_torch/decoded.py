"""Weights that a program stores as a codebook and packed indices, and decodes at every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

LOOKUPS = frozenset({"embedding", "index_select", "index", "gather", "take"})


@dataclass(frozen=True)
class Decoded:
    """A decoded weight: its values, the bytes of its packed indices, and every placeholder it is made from."""

    values: Any
    stored_bytes: int
    parts: frozenset[str]

    @property
    def stored_bits(self) -> int:
        """Whole bits that an index takes."""
        return max(1, 8 * self.stored_bytes // max(1, self.values.numel()))


def decoded_weights(graph: Any, state: Mapping[str, Any]) -> dict[str, Decoded]:
    """Return the decoded weights by the node that ends them: constant, and used beside an activation.

    One counts as decoded when bytes of the state are looked up in a table of the state.
    """
    parts = {name: frozenset([name]) for name in state}
    decoded: set[str] = set()
    ends: dict[str, Any] = {}
    for node in graph.graph.nodes:
        inputs = node.all_input_nodes
        if node.op == "call_function" and inputs and all(each.name in parts for each in inputs):
            parts[node.name] = frozenset().union(*(parts[each.name] for each in inputs))
            if any(each.name in decoded for each in inputs) or _looks_up(node, parts, state):
                decoded.add(node.name)
        else:
            ends |= {each.name: each for each in inputs if each.name in decoded}
    known: dict[str, Any] = dict(state)
    return {
        name: Decoded(_value(node, known), _largest_bytes(parts[name], state), parts[name])
        for name, node in ends.items()
    }


def _looks_up(node: Any, parts: Mapping[str, frozenset[str]], state: Mapping[str, Any]) -> bool:
    name = str(node.target.name()).partition("::")[2].partition(".")[0] if hasattr(node.target, "name") else ""
    return name in LOOKUPS and _largest_bytes(parts[node.name], state) > 0


def _largest_bytes(parts: frozenset[str], state: Mapping[str, Any]) -> int:
    tensors = (state[each] for each in parts)
    sizes = [each.numel() for each in tensors if isinstance(each, torch.Tensor) and _is_bytes(each)]
    return max(sizes, default=0)


def _is_bytes(tensor: Any) -> bool:
    return tensor.dtype in (torch.uint8, torch.int8)


def _value(node: Any, known: dict[str, Any]) -> Any:
    """Run the nodes that make a constant; each once. Such chains are some ten operators long."""
    if node.name not in known:
        arguments = torch.fx.node.map_arg(node.args, lambda each: _value(each, known))
        keywords = torch.fx.node.map_arg(node.kwargs, lambda each: _value(each, known))
        with torch.no_grad():
            known[node.name] = node.target(*arguments, **keywords)
    return known[node.name]
