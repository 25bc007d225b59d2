"""Weight clustering: the k values whose squared distance to a layer's weights is least, by Lloyd's iteration.

Han, Mao and Dally, *Deep Compression*, 2016 (arXiv:1510.00149), section 3: one codebook per layer, centroids start
evenly spaced between the smallest and the largest weight, which keeps the few large weights.
"""

from __future__ import annotations

import numpy as np

from bench_quantize.linear import Array

ITERATIONS = 100
# Above this share of exact zeros a layer has been pruned, and zero stays a level of its own.
PRUNED = 0.01


def codebook(weights: Array, k: int) -> Array:
    """Return at most k values, ascending (float32), for the weights (any shape); k distinct ones are kept exactly.

    In one dimension clusters are intervals of the sorted weights, so an iteration is a search and two prefix sums.
    """
    flat = np.sort(np.asarray(weights, np.float32), axis=None)
    if np.mean(flat == 0) > PRUNED and flat[0] != flat[-1]:
        return np.union1d(_centroids(flat[flat != 0], k - 1), np.zeros(1, np.float32))
    return _centroids(flat, k)


def _centroids(flat: Array, k: int) -> Array:
    distinct = np.unique(flat)
    if len(distinct) <= k:
        return distinct
    return lloyd(flat, np.linspace(flat[0], flat[-1], k, dtype=np.float64)).astype(np.float32)


def lloyd(ascending: Array, centroids: Array) -> Array:
    """Return the centroids (float64) after Lloyd's iteration from those given; an empty cluster keeps its place."""
    sums = np.concatenate([[0.0], np.cumsum(ascending, dtype=np.float64)])
    for _ in range(ITERATIONS):
        borders = np.searchsorted(ascending, (centroids[1:] + centroids[:-1]) / 2)
        edges = np.concatenate([[0], borders, [len(ascending)]])
        counts = np.diff(edges)
        moved = np.where(counts > 0, np.diff(sums[edges]) / np.maximum(counts, 1), centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = np.sort(moved)
    return centroids
