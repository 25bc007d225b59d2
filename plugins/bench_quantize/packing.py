"""Two, four or eight bits an index: how indices share bytes."""

from __future__ import annotations

import numpy as np

from bench_quantize.linear import Array


def pack(indices: Array, width: int) -> Array:
    """Pack indices [blocks, length] of `width` bits (2, 4 or 8) into bytes, each block by itself, first in low bits."""
    each = 8 // width
    padded = np.pad(np.asarray(indices, np.uint8), ((0, 0), (0, -np.shape(indices)[1] % each)))
    parts = padded.reshape(len(padded), -1, each)
    packed: Array = np.bitwise_or.reduce(parts << (width * np.arange(each, dtype=np.uint8)), axis=2).astype(np.uint8)
    return packed


def unpacking(width: int) -> Array:
    """Return the table [256, 8 / width] (int32) of the indices in a byte: `unpacking(w)[pack(i, w)]` gives i."""
    table: Array = (np.arange(256)[:, None] >> (width * np.arange(8 // width))) & ((1 << width) - 1)
    return table.astype(np.int32)
