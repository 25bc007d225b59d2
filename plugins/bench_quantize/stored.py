"""A weight as it is stored: an index per weight, a table of levels, a scale per block.

value = (table[index] - zero) * scale.

Linear quantisation is the case of a table of integers. Both routes store what this module describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_quantize import kmeans, linear, nf4, pot
from bench_quantize.linear import Array

# Shares of a block's largest magnitude that are tried as its scale, where the levels are not evenly spaced.
CLIPS = np.linspace(0.4, 1.0, 25)


@dataclass(frozen=True)
class Stored:
    """Weights of shape `shape`, flattened row by row into blocks of equal length, the last one padded.

    `indices` uint8 [blocks, length]; `table` float32 [levels]; `scale` and `zero` float32 [blocks, 1] or None.
    """

    shape: tuple[int, ...]
    indices: Array
    table: Array
    bits: int
    scale: Array | None = None
    zero: Array | None = None

    @property
    def stored_bits(self) -> int:
        """Bits that an index really takes: 2, 4 or 8."""
        return stored_bits(self.bits)

    @property
    def count(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Bytes of indices, scales, zero points and table."""
        parts = [each for each in (self.table, self.scale, self.zero) if each is not None]
        return -(-self.indices.size * self.stored_bits // 8) + sum(each.nbytes for each in parts)

    def values(self) -> Array:
        """Return the float32 weights that this stands for."""
        value = self.table[self.indices]
        value = value if self.zero is None else value - self.zero
        value = value if self.scale is None else value * self.scale
        return value.reshape(-1)[: self.count].reshape(self.shape)


def stored_bits(bits: int) -> int:
    """Return the width in which `bits` are stored, as bytes hold whole numbers of them: 2, 4 or 8."""
    return next(each for each in (2, 4, 8) if bits <= each)


def encode_linear(
    weights: Array, *, bits: int = 8, group_size: int | None = None, per_channel: bool = True, symmetric: bool = True
) -> Stored:
    """Quantise linearly: a scale per group of a row, per row (output channel, axis 0), or one for all.

    A row that `group_size` does not divide is one group. Symmetric: 2^bits - 1 integers around 0 and no zero point.
    """
    blocks = _blocks(weights, _length(weights, group_size, per_channel))
    lowest, highest = linear.limits(bits)
    if symmetric:
        scale = linear.symmetric_scale(abs(blocks).max(axis=1, keepdims=True), bits=bits).astype(np.float32)
        q = np.maximum(linear.quantize(blocks, scale, bits=bits), -highest)
        zero = None
    else:
        low, high = blocks.min(axis=1, keepdims=True), blocks.max(axis=1, keepdims=True)
        exact, zero_point = linear.affine_parameters(low, high, bits=bits)
        scale, zero = exact.astype(np.float32), zero_point.astype(np.float32)
        q = linear.quantize(blocks, scale, zero_point, bits=bits)
    table = np.arange(lowest, highest + 1, dtype=np.float32)
    return Stored(np.shape(weights), (q.astype(np.int16) - lowest).astype(np.uint8), table, bits, scale, zero)


def encode_levels(weights: Array, levels: Array, *, bits: int, length: int, clip: bool) -> Stored:
    """Map blocks of `length` weights to the nearest of `levels`, which lie in [-1, 1], by a scale per block.

    The scale is the block's largest magnitude; with `clip` the one of CLIPS of it whose squared error is least.
    """
    blocks = _blocks(weights, length)
    peak = abs(blocks).max(axis=1, keepdims=True)
    peak = np.where(peak > 0, peak, 1.0).astype(np.float32)
    table = levels.astype(np.float32)
    best, error = peak, np.full(peak.shape, np.inf)
    for part in CLIPS if clip else (1.0,):
        scale = (peak * part).astype(np.float32)
        found = ((table[nearest(blocks / scale, table)] * scale - blocks) ** 2).sum(axis=1, keepdims=True)
        best, error = np.where(found <= error, scale, best), np.minimum(found, error)
    return Stored(np.shape(weights), nearest(blocks / best, table), table, bits, best)


def encode_codebook(weights: Array, method: str, *, bits: int) -> Stored:
    """Encode by `kmeans` (one table per tensor), `pot`, `apot` (a scale per row) or `nf4` (a scale per 64 weights)."""
    if method == "kmeans":
        table = kmeans.codebook(weights, 1 << bits)
        return Stored(np.shape(weights), nearest(_blocks(weights, np.size(weights)), table), table, bits)
    if method == "nf4":
        return encode_levels(weights, nf4.levels(), bits=4, length=nf4.BLOCK, clip=False)
    levels = pot.pot_levels(bits) if method == "pot" else pot.apot_levels(bits)
    return encode_levels(weights, levels, bits=bits, length=_length(weights, None, True), clip=True)


def nearest(x: Array, table: Array) -> Array:
    """Return the index (uint8) of the level nearest to each number; `table` ascends; the lower one of two as near."""
    middle = (table[1:].astype(np.float64) + table[:-1]) / 2
    return np.searchsorted(middle, x).astype(np.uint8)


def facts_of(stored: Mapping[Any, Stored], total: int) -> dict[str, Any]:
    """Return facts for the record: how many tensors and what share of `total` parameters, bytes, index widths."""
    count = sum(each.count for each in stored.values())
    return {
        "layers": len(stored),
        "share_of_weights": count / total,
        "weight_bytes": sum(each.bytes for each in stored.values()),
        "stored_bits": sum(each.stored_bits * each.count for each in stored.values()) / max(count, 1),
    }


def _length(weights: Array, group_size: int | None, per_channel: bool) -> int:
    row = int(np.size(weights)) // max(1, np.shape(weights)[0])
    if not per_channel:
        return int(np.size(weights))
    return group_size if group_size and row % group_size == 0 else row


def _blocks(weights: Array, length: int) -> Array:
    flat = np.asarray(weights, np.float32).reshape(-1)
    padded = np.pad(flat, (0, -len(flat) % length))
    return padded.reshape(-1, length)
