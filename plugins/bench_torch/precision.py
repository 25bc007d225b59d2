"""In how many bits an operand is stored, told from the graph that leads to it."""

from __future__ import annotations

from typing import Any

import torch

# Operators that move or scale values without mixing them: what comes out is stored in what went in.
TRANSPARENT = frozenset(
    {
        *(
            "reshape",
            "view",
            "_unsafe_view",
            "transpose",
            "permute",
            "t",
            "flatten",
            "unflatten",
            "unsqueeze",
            "squeeze",
        ),
        *("expand", "contiguous", "clone", "alias", "detach", "select", "slice", "chunk", "split", "getitem"),
        *("to", "_to_copy"),
    }
)


def bits_of(node: Any) -> int:
    """Return the bits of one element of an operand: those of the integers it was dequantised from, if it was.

    A float that was merely cast counts as what it was cast to.
    """
    bits = _own_bits(node)
    while True:
        levels = _levels(node)
        if levels is not None:
            return min(bits, levels)
        if not (_name(node) in TRANSPARENT or "dequantize" in _name(node)) or not node.all_input_nodes:
            return bits
        node = node.all_input_nodes[0]
        if _is_quantised(node):
            bits = min(bits, _own_bits(node))


def _own_bits(node: Any) -> int:
    value = node.meta.get("val")
    return int(value.dtype.itemsize) * 8 if isinstance(value, torch.Tensor) else 32


def _is_quantised(node: Any) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype.itemsize == 1 and value.dtype != torch.bool


def _levels(node: Any) -> int | None:
    """Return the bits that a dequantise operator's range needs; a range cut for overflow (0 … 127) still takes 8."""
    if "dequantize" not in _name(node) or not isinstance(node.target, torch._ops.OpOverload):
        return None
    names = [each.name for each in node.target._schema.arguments]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    low, high = given.get("quant_min"), given.get("quant_max")
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    bits = (high - low).bit_length()
    return 8 if bits == 7 else bits


def _name(node: Any) -> str:
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target.name()).partition("::")[2].partition(".")[0]
    return str(getattr(target, "__name__", ""))
