"""Masks by score: which weights stay. Pure numpy, shared by torch modules and ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import bench
from bench_prune.options import Scope

Array = np.ndarray[Any, Any]
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

    With a threshold a weight stays only if |w| > threshold; with a sparsity the smallest magnitudes go, as
    `score_masks` has it. Weights that are already zero count towards the sparsity.
    """
    scores = {name: np.abs(each) for name, each in weights.items()}
    if threshold is not None:
        return {name: each > threshold for name, each in scores.items()}
    return score_masks(scores, target_of(sparsity, None)[0] or 0.0, scope=scope)


def score_masks(scores: Mapping[str, Array], sparsity: float, *, scope: Scope = "global") -> dict[str, Array]:
    """Return boolean masks, True where a weight stays: the lowest scores go, of equal ones the earlier.

    Exactly round(sparsity * n) of n weights go: n over all tensors for scope "global", per tensor for "layer", per
    slice of the first axis for "row" (an output's weights).
    """
    if scope == "row":
        return {name: _kept_rows(each.reshape(len(each), -1), sparsity).reshape(each.shape)
                for name, each in scores.items()}  # fmt: skip
    if scope == "layer":
        return {name: _kept(each.ravel(), sparsity).reshape(each.shape) for name, each in scores.items()}
    flat = _kept(np.concatenate([each.ravel() for each in scores.values()]), sparsity) if scores else None
    return _split(flat, scores)


def sparsity_of(weights: Mapping[str, Array]) -> float:
    """Return the fraction of exact zeros over all tensors; 0 without any weight."""
    total = sum(each.size for each in weights.values())
    return 1 - sum(int(np.count_nonzero(each)) for each in weights.values()) / total if total else 0.0


def keep_best(scores: Array, lost: int) -> Array:
    """Return True for all but the `lost` lowest of each row of `scores`, shape [rows, n]."""
    order = np.argsort(scores, axis=1, kind="stable")
    kept = np.ones(scores.shape, bool)
    np.put_along_axis(kept, order[:, :lost], False, axis=1)
    return kept


def _kept_rows(scores: Array, fraction: float) -> Array:
    return keep_best(scores, round(fraction * scores.shape[1]))


def _kept(scores: Array, fraction: float) -> Array:
    """Return True for all but the round(fraction * n) lowest of `scores`, shape [n]."""
    count = round(fraction * scores.size)
    if count == 0:
        return np.ones(scores.shape, bool)
    limit = np.partition(scores, count - 1)[count - 1]
    kept: Array = scores > limit
    ties = np.flatnonzero(scores == limit)
    surplus = count - int(np.count_nonzero(scores < limit))
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
