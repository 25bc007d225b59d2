"""Quantiles of the normal and of Student's t, so that the core needs no scipy."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

normal_cdf = NormalDist().cdf
normal_quantile = NormalDist().inv_cdf


def student_two_sided(t: float, df: int) -> float:
    """Return P(|T| <= t) for Student's t with `df` >= 1 degrees of freedom.

    Finite trigonometric sums: Abramowitz & Stegun (1964), 26.7.3 and 26.7.4.
    """
    theta = math.atan2(t, math.sqrt(df))
    cosine, sine = math.cos(theta), math.sin(theta)
    odd = df % 2
    term = cosine if odd else 1.0
    total = term if df > 1 else 0.0
    for k in range(2 + odd, df - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return 2 / math.pi * (theta + sine * total) if odd else sine * total


@lru_cache(maxsize=512)
def student_quantile(level: float, df: int) -> float:
    """Return t with P(|T| <= t) = `level`: the factor of a two-sided interval. Bisection to about 1e-12, relative."""
    if df > 1000:
        return normal_quantile((1 + level) / 2)  # apart by under 0.3 % in the far tail
    low, high = 0.0, 1.0
    while student_two_sided(high, df) < level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_two_sided(middle, df) < level else (low, middle)
    return high
