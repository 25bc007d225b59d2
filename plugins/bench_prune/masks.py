"""Masks by magnitude: which weights stay. Pure numpy, shared by torch modules and ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

import bench

Array = np.ndarray[Any, Any]
Scope = Literal["global", "layer"]
DEFAULT_SPARSITY = 0.5


def target_of(sparsity: float | None, threshold: float | None) -> tuple[float | None, float | None]:
    """Return (sparsity, threshold) with exactly one of them set; 0.5 when neither is given.

    Raises BenchError when both are.
    """
    if sparsity is not None and threshold is not None:
        raise bench.BenchError(
            f"prune: sparsity {sparsity:g} and threshold {threshold:g} are two targets", cure="give one of them"
        )
    if threshold is not None:
        return None, threshold
    return DEFAULT_SPARSITY if sparsity is None else sparsity, None


def magnitude_masks(
    weights: Mapping[str, Array],
    *,
    sparsity: float | None = None,
    threshold: float | None = None,
    scope: Scope = "global",
) -> dict[str, Array]:
    """Return boolean masks, True where a weight stays, in the shapes of `weights` (Han et al. 2015).

    With a threshold a weight stays only if |w| > threshold. With a sparsity exactly round(sparsity * n) of the n
    weights go (n over all tensors for scope "global", per tensor for "layer"), the smallest magnitudes first; of
    equal ones the earlier goes. Weights that are already zero count towards the sparsity.
    """
    if threshold is not None:
        return {name: np.abs(each) > threshold for name, each in weights.items()}
    fraction = target_of(sparsity, None)[0] or 0.0
    if scope == "layer":
        return {name: _kept(np.abs(each).ravel(), fraction).reshape(each.shape) for name, each in weights.items()}
    flat = _kept(np.concatenate([np.abs(each).ravel() for each in weights.values()]), fraction) if weights else None
    return _split(flat, weights)


def sparsity_of(weights: Mapping[str, Array]) -> float:
    """Return the fraction of exact zeros over all tensors; 0 without any weight."""
    total = sum(each.size for each in weights.values())
    return 1 - sum(int(np.count_nonzero(each)) for each in weights.values()) / total if total else 0.0


def _kept(magnitudes: Array, fraction: float) -> Array:
    """Return True for all but the round(fraction * n) smallest of `magnitudes`, shape [n]."""
    count = round(fraction * magnitudes.size)
    if count == 0:
        return np.ones(magnitudes.shape, bool)
    limit = np.partition(magnitudes, count - 1)[count - 1]
    kept: Array = magnitudes > limit
    ties = np.flatnonzero(magnitudes == limit)
    surplus = count - int(np.count_nonzero(magnitudes < limit))
    kept[ties[surplus:]] = True
    return kept


def _split(flat: Array | None, weights: Mapping[str, Array]) -> dict[str, Array]:
    masks: dict[str, Array] = {}
    start = 0
    for name, each in weights.items():
        assert flat is not None
        masks[name] = flat[start : start + each.size].reshape(each.shape)
        start += each.size
    return masks
