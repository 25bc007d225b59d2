"""Activation ranges from a histogram: all of it, a percentile, or the range that loses least information.

Entropy: Migacz, *8-bit Inference with TensorRT*, 2017: of all thresholds the one whose histogram, cut and rounded to
128 levels, has the least Kullback-Leibler divergence from the cut one.
"""

from __future__ import annotations

import numpy as np

from bench_quantize.linear import Array

BINS = 2048
ENTROPY_BINS = 512
LEVELS = 128
PERCENTILE = 99.99
SMALLEST = 1e-9


class Histogram:
    """Counts of values in BINS even bins over [-reach, reach]; where a value lies outside, bins are merged in pairs."""

    def __init__(self) -> None:
        self.reach, self.low, self.high = 0.0, 0.0, 0.0
        self.counts = np.zeros(BINS, np.int64)

    def add(self, values: Array) -> None:
        """Count the values (any shape). Raises ValueError for values that are not finite."""
        flat = np.asarray(values, np.float32).reshape(-1)
        low, high = float(flat.min()), float(flat.max())
        if not np.isfinite([low, high]).all():
            raise ValueError("activations are not finite")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._widen(max(-low, high, SMALLEST))
        self.counts += np.histogram(flat, BINS, (-self.reach, self.reach))[0]

    def range(self, method: str) -> tuple[float, float]:
        """Return low and high by `minmax`, `entropy` or `percentile`, never wider than what was seen."""
        if method == "minmax" or not self.counts.any():
            return self.low, self.high
        if method == "percentile":
            low, high = percentile_range(self.counts, self.reach)
        else:
            low, high = entropy_range(self.counts.reshape(ENTROPY_BINS, -1).sum(axis=1), self.reach)
        return max(low, self.low), min(high, self.high)

    def _widen(self, reach: float) -> None:
        self.reach = self.reach or reach
        while self.reach < reach:
            inner = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(inner, BINS // 4)
            self.reach *= 2


def percentile_range(counts: Array, reach: float, percentile: float = PERCENTILE) -> tuple[float, float]:
    """Return the range that leaves out (100 - percentile) / 2 % of the values on either side."""
    edges = np.linspace(-reach, reach, len(counts) + 1)
    share = np.cumsum(counts) / counts.sum()
    tail = (1 - percentile / 100) / 2
    low = edges[np.searchsorted(share, tail, side="right")]
    high = edges[min(int(np.searchsorted(share, 1 - tail)) + 1, len(counts))]
    return float(low), float(high)


def entropy_range(counts: Array, reach: float) -> tuple[float, float]:
    """Return, of the ranges around zero, the one whose 128 levels diverge least from the values in it.

    Bins are merged as onnxruntime's calibrator does it, so that both routes find the same range.
    """
    middle, edges = len(counts) // 2, np.linspace(-reach, reach, len(counts) + 1)
    halves = list(range(LEVELS // 2, middle + 1))
    found = [_divergence(counts, middle - each, min(middle + each + 1, len(counts))) for each in halves]
    half = halves[int(np.argmin(found))]
    return float(edges[middle - half]), float(edges[min(middle + half + 1, len(counts))])


def _divergence(counts: Array, first: int, last: int) -> float:
    """Return KL(p || q): p the counts inside with those outside added at the ends, q its 128-level version."""
    inside = counts[first:last].astype(np.float64)
    p = inside.copy()
    p[0] += counts[:first].sum()
    p[-1] += counts[last:].sum()
    merged = len(p) // LEVELS * LEVELS
    levels = inside[:merged].reshape(LEVELS, -1).sum(axis=1)
    levels[-1] += inside[merged:].sum()
    used = (p[:merged] != 0).reshape(LEVELS, -1)
    share = np.trunc(levels / np.maximum(used.sum(axis=1), 1)) * used.any(axis=1)
    q = np.concatenate([np.repeat(share, merged // LEVELS), np.zeros(len(p) - merged)])
    if not q.any():
        return float("inf")
    p, q = _smooth(p), _smooth(q)
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def _smooth(counts: Array, epsilon: float = 1e-4) -> Array:
    """Take a little from where there is something and give it to where there is nothing: KL needs no zeros."""
    empty = counts == 0
    taken = epsilon * empty.sum() / max((~empty).sum(), 1)
    smoothed: Array = np.where(empty, epsilon, counts - min(taken, 0.5 * counts[~empty].min()))
    return smoothed
