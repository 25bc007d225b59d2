"""Quantise and dequantise in plain arithmetic, in place of operators that torch_xla hands to a kernel that may not be.

torch_xla 2.9 lowers `quantized_decomposed` to `mhlo.uniform_quantize` and its kin, for which the CPU client has no
handler. The arithmetic is that of torch.ao.quantization.fx._decomposed: round to even, then clamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import bench

NAMESPACE = "quantized_decomposed::"


def replace_quantised(graph: Any, name: str) -> None:
    """Replace such operators of a graph module in place. Raises Unsupported for one that is not known here."""
    for node in graph.graph.nodes:
        target = str(node.target.name()) if isinstance(node.target, torch._ops.OpOverload) else ""
        if target.startswith(NAMESPACE):
            own = PLAIN.get(target.removeprefix(NAMESPACE).partition(".")[0])
            if own is None:
                message = f"{name} calls {target}, which backend 'xla' does not know"
                raise bench.Unsupported(message, cure="quantise statically, or choose another backend")
            node.target = own


def quantize(value: Any, scale: Any, zero_point: Any, least: int, most: int, dtype: Any) -> Any:
    """Return integers of `dtype`: value / scale, rounded, plus the zero point, clamped."""
    return torch.clamp(torch.round(value * (1.0 / scale)) + zero_point, least, most).to(dtype)


def dequantize(
    value: Any, scale: Any, zero_point: Any, least: int, most: int, dtype: Any, *, out_dtype: Any = None
) -> Any:
    """Return floats: value less the zero point, times scale."""
    del least, most, dtype
    return (value.to(out_dtype or torch.float32) - zero_point) * scale


def quantize_channels(value: Any, scales: Any, zero_points: Any, axis: int, least: int, most: int, dtype: Any) -> Any:
    """Quantise with a scale and a zero point for each place along an axis."""
    shape = _along(value, axis)
    return quantize(value, scales.reshape(shape), zero_points.reshape(shape), least, most, dtype)


def dequantize_channels(
    value: Any, scales: Any, zero_points: Any, axis: int, least: int, most: int, dtype: Any, *, out_dtype: Any = None
) -> Any:
    """Dequantise likewise; without zero points they are 0."""
    shape = _along(value, axis)
    zero_point = 0 if zero_points is None else zero_points.reshape(shape)
    return dequantize(value, scales.reshape(shape), zero_point, least, most, dtype, out_dtype=out_dtype)


def _along(value: Any, axis: int) -> list[int]:
    shape = [1] * value.dim()
    shape[axis] = -1
    return shape


PLAIN: dict[str, Callable[..., Any]] = {
    "quantize_per_tensor": quantize,
    "dequantize_per_tensor": dequantize,
    "quantize_per_channel": quantize_channels,
    "dequantize_per_channel": dequantize_channels,
}
