"""How many queries a claim about a latency's tail takes: MLPerf's count, and its criterion for stopping earlier."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from bench.stats.interval import check_level
from bench.stats.special import normal_quantile

MLPERF_SHARE = 1 / 20  # of what lies beyond the percentile: the margin of MLPerf's rules


def queries_for(q: float, confidence: float = 0.99, margin: float | None = None) -> int:
    """Return the queries from which the share of latencies below quantile `q` is known to within `margin`.

    The normal approximation of MLPerf Inference's rules (6, "Number of queries"): z^2 q (1 - q) / margin^2 with z of
    the two-sided `confidence`. The rules take a margin of a twentieth of 1 - q, the default: 23,886 for p90, 50,425
    for p95, 262,742 for p99 at 99 %.
    """
    check_level(confidence)
    check_level(q)
    margin = (1 - q) * MLPERF_SHARE if margin is None else margin
    if not 0 < margin <= 1 - q + 1e-12:
        raise ValueError(f"the margin lies between 0 and {1 - q:g}, what is beyond the percentile; not {margin!r}")
    z = normal_quantile((1 + confidence) / 2)
    return max(round(z * z * q * (1 - q) / margin**2), 1)


def within_at_most(n: int, over: int, q: float) -> float:
    """Return P(at most `over` of `n` queries exceed a bound that a share `q` of them keeps).

    A binomial's distribution function, which is the regularised incomplete beta function I_q(n - over, over + 1).
    """
    if over >= n:
        return 1.0
    k = np.arange(over, dtype=np.float64)
    steps = np.log((n - k) / (k + 1)) + math.log((1 - q) / q)
    logs = n * math.log(q) + np.concatenate([[0.0], np.cumsum(steps)])
    top = float(logs.max())
    return min(math.exp(top) * float(np.exp(logs - top).sum()), 1.0)


@lru_cache(maxsize=4096)
def least_within(over: int, q: float, confidence: float = 0.99) -> int:
    """Return the fewest queries within a bound that, beside `over` beyond it, show that quantile `q` keeps the bound.

    MLPerf's criterion for early stopping (loadgen, early_stopping.cc, with a tolerance of 0): the smallest h with
    I_q(h, over + 1) <= 1 - confidence. 459 for p99 where none is beyond, 661 where one is.
    """
    check_level(confidence)
    check_level(q)
    if over < 0:
        raise ValueError(f"queries beyond the bound are a count, not {over}")
    low, high = 1, 2
    while within_at_most(high + over, over, q) > 1 - confidence:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if within_at_most(middle + over, over, q) <= 1 - confidence else (middle + 1, high)
    return low


def shows_bound(n: int, over: int, q: float, confidence: float = 0.99) -> bool:
    """Whether `n` queries with `over` beyond a bound show that quantile `q` keeps it."""
    return n >= least_within(over, q, confidence) + over


def early_rank(n: int, q: float, confidence: float = 0.99) -> int | None:
    """Return which latency from the top bounds quantile `q` from above (1 is the highest); None for too few queries.

    MLPerf's estimate under early stopping: the largest t with h(t) + t <= n, of which the t - 1 highest are discarded.
    """
    if n < least_within(1, q, confidence) + 1:
        return None
    low, high = 1, max(2, math.ceil(n * (1 - q)) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if shows_bound(n, middle, q, confidence) else (low, middle - 1)
    return low
