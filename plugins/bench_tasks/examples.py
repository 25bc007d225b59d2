"""Sets of examples: slices, fixed draws and a digest that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import bench

Array = np.ndarray[Any, Any]
SPLITS = ("calibration", "evaluation")


def select(splits: Mapping[str, bench.Arrays], split: str, n: int | None) -> dict[str, Array]:
    """Return the first n examples of a split (all when None) by input name.

    Raises ValueError for an unknown split and bench.Unsupported when the split holds fewer than n examples.
    """
    if split not in splits:
        raise ValueError(f"split must be one of {', '.join(splits)}, not {split!r}")
    arrays = splits[split]
    held = len(next(iter(arrays.values())))
    if n is not None and not 1 <= n <= held:
        raise bench.Unsupported(f"the {split} split holds {held} examples; {n} were asked for")
    return {name: array[:n] for name, array in arrays.items()}


def draw(arrays: bench.Arrays, batch: int, seed: int) -> dict[str, Array]:
    """Return `batch` examples drawn at random, always the same for a seed; repeated only when they run out."""
    held = len(next(iter(arrays.values())))
    rows = np.random.default_rng(seed).choice(held, size=batch, replace=batch > held)
    return {name: np.ascontiguousarray(array[rows]) for name, array in arrays.items()}


def digest(arrays: Mapping[str, Array]) -> str:
    """Return the sha256 of named arrays: name, dtype, shape and bytes, in order of name."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        state.update(f"{name}\0{little.dtype.str}\0{little.shape}\0".encode())
        state.update(little.tobytes())
    return f"sha256:{state.hexdigest()}"


def only_output(outputs: bench.Arrays, n: int) -> Array:
    """Return the first output as float64, [n, width]. Raises ValueError when it has another number of rows."""
    array = np.asarray(next(iter(outputs.values())), dtype=np.float64)
    if array.ndim != 2 or len(array) != n:
        raise ValueError(f"expected one row of outputs for each of {n} evaluation examples, not shape {array.shape}")
    return array


def mean_score(outcomes: Array) -> bench.Score:
    """Return the score of per-example outcomes, [n]: its value is their mean."""
    return bench.Score(value=float(outcomes.mean()), outcomes=outcomes)
