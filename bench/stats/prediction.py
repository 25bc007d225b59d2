"""Where a rerun's ratio will fall: the prediction interval of the median of launches that are still to be made.

A confidence interval says where the truth lies. A rerun misses the truth by as much again, so that of two runs alike
the 95 % interval of one holds only 83 % of the other's values: P(|N(0, 2)| < 1.96).

For Gaussian launches the mean of m new ones lies within t(n - 1) s sqrt(1/n + 1/m) of the mean of n old ones with the
level asked (Hahn and Meeker 1991, Statistical Intervals, 4.8; Hahn 1969, JASA 64, 878). Here both are medians, whose
variance is up to pi/2 times that of the mean (of one and two launches the two are one; Kendall and Stuart 1977, 14.6):
each term is multiplied by that bound. Launches with heavier tails than Gaussian ones widen s more than their median
scatters, and the interval is wider than it need be.

A rerun cannot be told better than the truth is known: the interval is never narrower than the confidence interval,
which matters where few launches came out alike by chance.
"""

from __future__ import annotations

import math

import numpy as np

from bench.stats.interval import Floats, Interval, Numbers, as_floats, check_level
from bench.stats.sequence import RESOLUTION, confidence_sequence
from bench.stats.special import student_quantile


def prediction_interval(values: Numbers, future: int, level: float = 0.95) -> Interval:
    """Return where the median of `future` launches' log-ratios will lie, from those made, shape (n,).

    The value is the median of those made. Unbounded with fewer than 2 of them. Identical launches still give an
    interval as wide as the clock's resolution. Raises ValueError for no future launch.
    """
    check_level(level)
    if future < 1:
        raise ValueError("a rerun has at least one launch")
    array = as_floats(values, "values")
    n, value = array.size, float(np.median(array))
    if n < 2:
        return Interval(value, -math.inf, math.inf, level, n, "unbounded")
    half = half_width(array, future, level)
    known = confidence_sequence(array, level)
    low, high = min(value - half, known.low), max(value + half, known.high)
    return Interval(value, low, high, level, n, "student-prediction")


def half_width(values: Floats, future: int, level: float) -> float:
    """Return Hahn and Meeker's half-width for the median of `future` numbers, from two or more, shape (n,)."""
    spread, n = max(float(values.std(ddof=1)), RESOLUTION), values.size
    return student_quantile(level, n - 1) * spread * math.sqrt(_variance(n) + _variance(future))


def widened(confidence: Interval, future: int) -> Interval:
    """Return the prediction interval where only a confidence interval of n launches is left of a run.

    Its half-widths stand for those of Student's interval, which they are not narrower than: a rerun of m launches adds
    the variance of its own median.
    """
    if future < 1:
        raise ValueError("a rerun has at least one launch")
    factor = math.sqrt(1 + _variance(future) / _variance(max(confidence.n, 1)))
    low = confidence.value - (confidence.value - confidence.low) * factor
    high = confidence.value + (confidence.high - confidence.value) * factor
    return Interval(confidence.value, low, high, confidence.level, confidence.n, "widened-confidence")


def _variance(n: int) -> float:
    """Return the most that the variance of the median of n Gaussian numbers of variance 1 can be."""
    return (1.0 if n < 3 else math.pi / 2) / n
