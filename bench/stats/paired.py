"""How far the mean of paired outcomes moved, with ends that may each be tested against a limit.

`paired_difference` covers the truth as often as it says; a gate asks more: that a true difference at the limit lies
outside on either side with probability at most alpha, also where the flips go one way only. The interval of Bonett &
Price is too short on that side (3.7 % where 1 % is claimed), Tango's score interval on the other one (1.6 %), so the
hull of both is taken (1.03 %); for other outcomes the hull of the bootstrap's and of Student's, both at half of alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bench.stats.interval import Floats, Interval, Numbers, as_floats, check_level
from bench.stats.proportion import bonett_price, flips, is_binary, paired_difference
from bench.stats.special import normal_quantile, student_quantile


def paired_bounds(a: Numbers, b: Numbers, alpha: float, seed: int = 0) -> Interval:
    """Return mean(b) - mean(a) over the same examples, shapes (n,), each end of it at one-sided level `alpha`.

    An end is infinite where nothing bounds it: one example that is not right or wrong. Differences that are all equal
    still leave doubt about examples not seen: a share of them of which none would be met with probability alpha.
    """
    check_level(1 - 2 * alpha)
    first, second = as_floats(a, "a"), as_floats(b, "b")
    if is_binary(first) and is_binary(second):
        return flip_bounds(*flips(first, second), first.size, alpha)
    level = 1 - alpha  # half of alpha on either side
    found = paired_difference(first, second, level, seed)
    if found.method == "constant":
        both = np.concatenate([first, second])
        return _widened(found, float(both.max() - both.min()) * -math.expm1(math.log(alpha) / found.n))
    if found.method != "bca-bootstrap":
        return found
    half = student_quantile(level, found.n - 1) * _standard_error(second - first)
    low, high = min(found.low, found.value - half), max(found.high, found.value + half)
    return Interval(found.value, low, high, level, found.n, "bootstrap-student-hull")


def flip_bounds(gained: int, lost: int, n: int, alpha: float) -> Interval:
    """Return (gained - lost) / n for right/wrong outcomes of n examples, each end of it at one-sided level `alpha`.

    The hull of Bonett & Price's adjusted Wald interval (2012) and of Tango's score interval (1998).
    """
    wald = bonett_price(gained, lost, n, 1 - 2 * alpha)
    high = _score_high(gained, lost, n, alpha)
    low = -_score_high(lost, gained, n, alpha)
    return Interval(wald.value, min(wald.low, low), max(wald.high, high), wald.level, n, "score-wald-hull")


def examples_needed(spread: float, distance: float, alpha: float, power: float = 0.8) -> int:
    """Return how many examples tell a difference `distance` away from the limit at one-sided `alpha`, with `power`.

    `spread` is the standard deviation of one example's difference. Normal approximation.
    """
    z = normal_quantile(1 - alpha) + normal_quantile(power)
    return math.ceil((z * spread / distance) ** 2)


def _score_high(gained: int, lost: int, n: int, alpha: float) -> float:
    """Return the largest true difference that Tango's score test at `alpha` does not reject as too large."""
    z = normal_quantile(1 - alpha)
    return _crossing(lambda difference: _score(gained, lost, n, difference) + z, (gained - lost) / n, 1.0)


def _score(gained: int, lost: int, n: int, difference: float) -> float:
    """Return Tango's statistic for a true difference: standard normal under it, falling as it rises."""
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)  # of examples lost, most likely under it
    variance = n * (2 * share + difference * (1 - difference))
    return (gained - lost - n * difference) / math.sqrt(max(variance, 1e-12))


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function reaches 0 between `low` and `high`; `high` where it does not."""
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return high


def _standard_error(differences: Floats) -> float:
    return float(differences.std(ddof=1)) / math.sqrt(differences.size)


def _widened(interval: Interval, half: float) -> Interval:
    value = interval.value
    return Interval(value, value - half, value + half, interval.level, interval.n, "none-seen")
