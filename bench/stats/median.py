"""The median of a few independent numbers, one a launch, with its interval."""

from __future__ import annotations

import math

import numpy as np

from bench.stats.interval import Interval, Numbers, as_floats, check_level
from bench.stats.special import student_quantile


def median_interval(values: Numbers, level: float = 0.95) -> Interval:
    """Return the median of independent numbers, shape (n,), with its interval.

    From as many on as can bound it whatever their law (6 at 95 %), the order statistics of the sign test (David &
    Nagaraja 2003, 7.1). Below, the range of all of them covers 1 - 2^(1 - n) only (50 % of 2, 75 % of 3): Student's
    interval of the mean stands in, stretched to the median where that lies outside. Unbounded with one.
    """
    check_level(level)
    ordered = np.sort(as_floats(values, "values"))
    n, value = ordered.size, float(np.median(ordered))
    if n == 1:
        return Interval(value, -math.inf, math.inf, level, n, "unbounded")
    cut = _cut(n, level)
    if cut is not None:
        return Interval(value, float(ordered[cut]), float(ordered[n - 1 - cut]), level, n, "sign")
    half = student_quantile(level, n - 1) * float(ordered.std(ddof=1)) / math.sqrt(n)
    mean = float(ordered.mean())
    return Interval(value, min(mean - half, value), max(mean + half, value), level, n, "student-t")


def _cut(n: int, level: float) -> int | None:
    """Return how many numbers at either end lie outside the interval, None where all of them are too few."""
    cut, tail = -1, 0.0
    while (tail := tail + math.comb(n, cut + 1) / 2.0**n) <= (1 - level) / 2:
        cut += 1
    return cut if cut >= 0 else None
