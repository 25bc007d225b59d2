"""Linear (affine) quantisation, written out: q = clip(round(x / s) + z), x' = s * (q - z) (Jacob et al. 2018).

Rounding is half to even, as ONNX's QuantizeLinear and torch do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Number = Array | float


def limits(bits: int = 8, signed: bool = True) -> tuple[int, int]:
    """Return the smallest and largest integer of `bits` bits: (-128, 127), or (0, 255) unsigned."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def affine_parameters(low: Number, high: Number, *, bits: int = 8, signed: bool = True) -> tuple[Array, Array]:
    """Return scale and zero point (float64, int64) so that [low, high], widened to hold 0, spans all integers.

    `low` and `high` may be arrays (one range per channel). An empty range gets scale 1.
    """
    smallest, largest = limits(bits, signed)
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    scale = np.asarray((high - low) / (largest - smallest), float)
    scale = np.where(scale > 0, scale, 1.0)
    zero_point = np.clip(np.round(smallest - low / scale), smallest, largest).astype(np.int64)
    return scale, zero_point


def symmetric_scale(magnitude: Number, *, bits: int = 8) -> Array:
    """Return the scale for the range [-magnitude, magnitude] with zero point 0: magnitude / (2^(bits-1) - 1)."""
    scale = np.asarray(magnitude, float) / limits(bits)[1]
    return np.where(scale > 0, scale, 1.0)


def quantize(x: Number, scale: Number, zero_point: Number = 0, *, bits: int = 8, signed: bool = True) -> Array:
    """Return q = clip(round(x / scale) + zero_point) in the smallest integer type that holds `bits` bits.

    >>> int(quantize(0.75, 0.25, 0))
    3
    """
    smallest, largest = limits(bits, signed)
    dtype = np.min_scalar_type(smallest if signed else largest)
    return np.clip(np.round(np.asarray(x) / scale) + zero_point, smallest, largest).astype(dtype)


def dequantize(q: Number, scale: Number, zero_point: Number = 0) -> Array:
    """Return x' = scale * (q - zero_point); within scale / 2 of x wherever x was inside the range."""
    return (np.asarray(q).astype(np.int64) - zero_point) * np.asarray(scale)
