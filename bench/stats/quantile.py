"""Quantiles of calls that are clustered by launch: calls of one launch resemble one another, launches are units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.stats.interval import Floats, Interval, Numbers, as_floats, check_level
from bench.stats.special import student_quantile


def quantile_support(q: float, level: float = 0.95) -> int:
    """Return the fewest calls from which quantile `q` may be reported: 6 for p50, 368 for p99, 3,688 for p99.9 at 95 %.

    A two-sided order-statistic interval must exist with at most half the error on each side: q^n <= (1 - level) / 2
    above and (1 - q)^n below (David & Nagaraja 2003, 7.1). With fewer calls the sample's own range ends inside it.
    """
    check_level(level)
    if not 0 < q < 1:
        raise ValueError(f"q must lie between 0 and 1, not {q!r}")
    return math.ceil(math.log((1 - level) / 2) / math.log(max(q, 1 - q)))


def clustered_quantile(samples_by_launch: Sequence[Numbers], q: float, level: float = 0.95) -> Interval | None:
    """Return quantile `q` of all calls with an interval clustered by launch; None when there are too few calls.

    `samples_by_launch` holds one array of shape (calls,) a launch, in seconds; empty ones are left out. The value is
    the smallest call with at least the fraction `q` of all calls at or below it. The interval is Woodruff's (1952) for
    clustered samples: Student's interval over launches for the fraction of calls at or below the value, read off the
    pooled distribution. It covers 95 to 99 % of the time where a bootstrap over the same 5 launches covers 70 to 86 %
    (docs/explanation/statistics.md). Where it reaches beyond the sample the bound is open: 0 below (minus infinity
    when a value is negative), infinity above; so are both with 1 launch, which says nothing about the next.
    """
    launches = [as_floats(each, "samples_by_launch") for each in samples_by_launch if np.size(each)]
    if sum(each.size for each in launches) < quantile_support(q, level):
        return None
    ordered = np.sort(np.concatenate(launches))
    value = _at(ordered, q)
    half = _half_width(launches, value, q, level)
    low = _at(ordered, q - half) if half < q else (0.0 if ordered[0] >= 0 else -math.inf)
    high = _at(ordered, q + half) if half < 1 - q else math.inf
    return Interval(value, low, high, level, ordered.size, "woodruff-t" if len(launches) > 1 else "unbounded")


def _at(ordered: Floats, q: float) -> float:
    """Return the inverse of the empirical distribution at `q`; the slack forgives rounding in q times n."""
    return float(ordered[max(math.ceil(q * ordered.size - 1e-9) - 1, 0)])


def _half_width(launches: list[Floats], value: float, q: float, level: float) -> float:
    """Half the width of the interval for the fraction of calls at or below `value`, by launches of unequal size."""
    n = len(launches)
    if n < 2:
        return math.inf
    sizes = np.array([each.size for each in launches], dtype=np.float64)
    fractions = np.array([(each <= value).mean() for each in launches])
    pulls = sizes / sizes.mean() * (fractions - q)
    clustered = float((pulls**2).sum()) / (n - 1) / n
    independent = q * (1 - q) / float(sizes.sum())  # launches that happen to agree are not certainty
    return student_quantile(level, n - 1) * math.sqrt(max(clustered, independent))
