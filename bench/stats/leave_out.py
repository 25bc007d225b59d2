"""A share of a metric for every example, where the metric is no mean of outcomes: AUC, F1, a correlation.

The jackknife's pseudo-values (Quenouille 1956; Tukey 1958; Efron & Tibshirani 1993, chapter 11): how far the metric
moves when one example is left out, times n - 1. They are shifted so that their mean is the metric itself. Their mean's
interval, and that of paired differences of two systems on the same examples, is that of the metric to first order, as
DeLong's (1988) is for AUC: so they are resampled, compared and kept as any other outcomes are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.stats.interval import Floats

MOST = 1000  # parts left out: beyond it several examples go together
Rows = np.ndarray[Any, np.dtype[np.intp]]


def leave_out(value_of: Callable[[Rows], float], n: int, most: int = MOST) -> Floats:
    """Return one outcome for each of n examples, shape (n,), whose mean is `value_of` all of them.

    `value_of(rows)` is the metric of the examples of those indices. Above `most` examples they are left out in `most`
    groups, the same for every system; a group's members share its movement, times the root of their number, so that
    the outcomes' variance is that of single examples. Raises ValueError for fewer than two examples.
    """
    if n < 2:
        raise ValueError(f"one example more than 1 is wanted, not {n}")
    rows = np.arange(n)
    whole = float(value_of(rows))
    order = rows if n <= most else np.random.default_rng(0).permutation(n)
    moved = np.empty(n)
    for group in np.array_split(order, min(n, most)):
        size = len(group)
        without = float(value_of(np.delete(rows, group)))
        moved[group] = (n - size) / size * (whole - without) * np.sqrt(size)
    return np.asarray(whole + moved - moved.mean())
