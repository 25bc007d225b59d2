"""What weights would take if their zeros, or their few values, were stored as such: the smallest of four encodings."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.reading import Reading

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
else:
    Array = Any

SCALE_BYTES = 8  # a float32 scale and a float32 offset for each grid
MOST_LEVELS = 256  # of a grid or a codebook
LEAST_IN_A_SLICE = 32  # values of a channel from which a grid can be told; fewer lie on one by chance
TRIED_SLICES, TRIED_VALUES = 64, 4096
MOST_VALUES = 1 << 20  # a larger weight is judged by evenly spaced channels of about as many values
FUZZ = 0.02  # of a step: what storing scale times integer as float32 may move a value by
LEAST_DUPLICATE = 256  # bytes
CONVENTION = "each weight dense, or as a bitmap of zeros, a grid of integers, or a codebook, whichever takes least"
GAIN = 0.75  # an encoding counts from this share of the dense bytes on: a coincidence saves less


@dataclass(frozen=True)
class Encoded:
    """Bytes of one weight in the encoding that takes least, and what was found out on the way.

    `way` is dense, bitmap (one bit a value and the values that are not zero), grid (integers times a scale, one for
    each channel), or codebook (the distinct values and an index each).
    """

    bytes: int
    way: str
    levels: int | None = None


@dataclass
class StoredWeights:
    """Weights as a file stores them, collected one after the other by a counter of its format.

    `by_dtype` counts elements by stored type, "indices" for packed ones into a table.
    """

    count: int = 0
    nonzero: int = 0
    bytes: int = 0
    duplicate_bytes: int = 0
    saved: int = 0
    by_dtype: dict[str, int] = field(default_factory=dict)
    ways: dict[str, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def add(self, values: Array, *, bits: float, dtype: str) -> None:
        """Add a weight: floats, or integers less their zero point, each stored in `bits`."""
        dense = math.ceil(values.size * bits / 8)
        self._note(values, dense, dtype)
        if self._is_new(values, dense):
            found = encoded_bytes(values, bits=bits)
            self.saved += dense - found.bytes
            self.ways[found.way] = self.ways.get(found.way, 0) + values.size
        else:
            self.saved += dense
            self.duplicate_bytes += dense

    def add_indices(self, values: Array, *, index_bytes: int) -> None:
        """Add a weight that is stored as a codebook and indices of so many bytes; `values` is what it decodes to."""
        self._note(values, index_bytes, "indices")
        self.ways["indices"] = self.ways.get("indices", 0) + values.size

    def reading(self, size_bytes: int) -> Reading:
        """Return the counter's reading for a file of this size: what it would take encoded, and by which ways."""
        return Reading.counted(
            max(0, size_bytes - self.saved),
            "B",
            convention=CONVENTION,
            weights_bytes=self.bytes,
            duplicate_bytes=self.duplicate_bytes,
            values_by_way=dict(self.ways),
        )

    def _note(self, values: Array, dense: int, dtype: str) -> None:
        import numpy as np

        self.count += values.size
        self.nonzero += int(np.count_nonzero(values))
        self.bytes += dense
        self.by_dtype[dtype] = self.by_dtype.get(dtype, 0) + values.size

    def _is_new(self, values: Array, dense: int) -> bool:
        """Whether no equal weight came before; small ones (biases at 0, scales at 1) are alike by nature."""
        import numpy as np

        if dense < LEAST_DUPLICATE:
            return True
        state = hashlib.sha256(f"{values.dtype}{values.shape}".encode())
        state.update(np.ascontiguousarray(values).tobytes())
        key = state.hexdigest()
        known = key in self._seen
        self._seen.add(key)
        return not known


def encoded_bytes(values: Array, *, bits: float | None = None) -> Encoded:
    """Encode a weight: `values` float or integer, output channels along axis 0; `bits` of a value as stored.

    Grids and codebooks are looked for in floats, of which large arrays are tried by a sample first. A bitmap costs
    n/8 bytes beside the non-zeros (about compressed sparse rows at two bytes an index from 85 % zeros on).
    """
    import numpy as np

    array = np.asarray(values)
    width = 8 * array.dtype.itemsize if bits is None else bits
    dense = math.ceil(array.size * width / 8)
    zeros = array.size - int(np.count_nonzero(array))
    found = [Encoded(dense, "dense")]
    if zeros:
        found.append(Encoded(math.ceil(array.size / 8 + (array.size - zeros) * width / 8), "bitmap"))
    if array.dtype.kind == "f" and array.size >= LEAST_IN_A_SLICE:
        wide = array.astype(np.float32, copy=False)
        found += [each for each in (_codebook(wide, width), _grid(wide)) if each is not None]
    best = min(found, key=lambda each: each.bytes)
    return best if best.bytes <= GAIN * dense else found[0]


def _codebook(array: Array, width: float) -> Encoded | None:
    import numpy as np

    flat = array.reshape(-1)
    sample = flat[:: max(1, flat.size // TRIED_VALUES)]
    if len(np.unique(sample)) > MOST_LEVELS:
        return None
    levels = len(np.unique(flat[:: max(1, flat.size // MOST_VALUES)]))
    if levels > MOST_LEVELS:
        return None
    return Encoded(math.ceil(levels * width / 8 + flat.size * _bits(levels) / 8), "codebook", levels)


def _grid(array: Array) -> Encoded | None:
    """Find integers times a scale: over the whole weight, by channel along axis 0, or along the last axis."""
    flat = array.reshape(-1)
    shapes = [flat[None, :]]
    if array.ndim > 1:
        shapes += [array.reshape(len(array), -1), array.reshape(-1, array.shape[-1]).T]
    found = [each for each in map(_rows_on_grids, shapes) if each is not None]
    return min(found, key=lambda each: each.bytes, default=None)


def _rows_on_grids(rows: Array) -> Encoded | None:
    count, length = rows.shape
    if length < LEAST_IN_A_SLICE:
        return None
    tried = rows[:: max(1, count // TRIED_SLICES)]
    if length > TRIED_VALUES:
        tried = tried[:, :: length // TRIED_VALUES]
    if _levels(tried) is None:
        return None
    levels = _levels(rows[:: max(1, rows.size // MOST_VALUES)])
    if levels is None:
        return None
    return Encoded(math.ceil(rows.size * _bits(levels) / 8) + SCALE_BYTES * count, "grid", levels)


def _levels(rows: Array) -> int | None:
    """Return the levels that every row's grid needs, None when a row lies on none of at most 256.

    The step is the smallest difference of neighbouring values, then made to divide the row's span; a random row of
    32 values passes with odds of 1e-40.
    """
    import numpy as np

    ordered = np.sort(rows, axis=1).astype(np.float64)
    low, span = ordered[:, :1], ordered[:, -1] - ordered[:, 0]
    steps = np.diff(ordered, axis=1)
    real = steps > 1e-6 * np.maximum(span, np.finfo(float).tiny)[:, None]
    least = np.where(real, steps, np.inf).min(axis=1)
    flat = ~np.isfinite(least)  # one value only: any grid holds it
    counts = np.where(flat, 0.0, span / np.where(flat, 1.0, least))
    if counts.max() > MOST_LEVELS - 0.5:
        return None
    counts = np.round(counts)
    step = np.where(flat, 1.0, span / np.maximum(counts, 1))
    places = (ordered - low) / step[:, None]
    return int(counts.max()) + 1 if np.abs(places - np.round(places)).max() < FUZZ else None


def _bits(levels: int) -> int:
    return max(1, math.ceil(math.log2(levels))) if levels > 1 else 1
