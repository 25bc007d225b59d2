"""Quality from per-example outcomes: one system's mean, and two systems compared example by example."""

from __future__ import annotations

import math

import numpy as np

from bench.stats.interval import Floats, Interval, Numbers, as_floats, check_level
from bench.stats.special import normal_cdf, normal_quantile, student_quantile

RESAMPLES = 1000
MIN_BOOTSTRAP = 20
_CHUNK = 2_000_000  # draws held at once while resampling


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return the proportion `successes / n` with Wilson's score interval (Wilson 1927; Brown, Cai & DasGupta 2001)."""
    check_level(level)
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"successes must lie between 0 and n, and n be at least 1, not {successes!r} of {n!r}")
    z, p = normal_quantile((1 + level) / 2), successes / n
    shrink = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == n else min(centre + half, 1.0)
    return Interval(p, low, high, level, n, "wilson")


def mean_interval(outcomes: Numbers, level: float = 0.95, seed: int = 0) -> Interval:
    """Return the mean of per-example outcomes, shape (n,), with its interval.

    Wilson when every outcome is 0 or 1. Otherwise the bias-corrected accelerated bootstrap over examples (Efron 1987)
    from 20 examples on, Student's t below (a bootstrap of few units is too narrow), unbounded with one. Equal
    outcomes that are not 0 or 1 show no spread at all: the interval is their value, method `constant`.
    """
    check_level(level)
    values = as_floats(outcomes, "outcomes")
    if is_binary(values):
        return wilson(int(values.sum()), values.size, level)
    return _mean_interval(values, level, seed)


def paired_difference(a: Numbers, b: Numbers, level: float = 0.95, seed: int = 0) -> Interval:
    """Return mean(b) - mean(a) over the same examples, shapes (n,), with its interval.

    Right/wrong outcomes: the adjusted Wald interval of Bonett & Price (2012), which adds one example to each kind of
    flip, so that no flips at all still leave doubt. Other outcomes: the interval of `mean_interval` of the differences.
    """
    check_level(level)
    first, second = _paired(a, b)
    if not (is_binary(first) and is_binary(second)):
        return _mean_interval(second - first, level, seed)
    return bonett_price(*flips(first, second), first.size, level)


def bonett_price(gained: int, lost: int, n: int, level: float = 0.95) -> Interval:
    """Return (gained - lost) / n with the adjusted Wald interval of Bonett & Price (2012)."""
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = normal_quantile((1 + level) / 2) * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    low, high = max(up - down - half, -1.0), min(up - down + half, 1.0)
    value = (gained - lost) / n
    return Interval(value, min(low, value), max(high, value), level, n, "bonett-price")


def flips(a: Numbers, b: Numbers) -> tuple[int, int]:
    """Return how many examples `b` did better and worse on than `a` (larger is better): (gained, lost)."""
    first, second = _paired(a, b)
    return int((second > first).sum()), int((second < first).sum())


def _paired(a: Numbers, b: Numbers) -> tuple[Floats, Floats]:
    first, second = as_floats(a, "a"), as_floats(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"paired outcomes must have one length, not {first.size} and {second.size}")
    return first, second


def is_binary(values: Floats) -> bool:
    """Whether every outcome is right (1) or wrong (0)."""
    return bool(((values == 0) | (values == 1)).all())


def _mean_interval(values: Floats, level: float, seed: int) -> Interval:
    n, mean = values.size, float(values.mean())
    if n == 1:
        return Interval(mean, -math.inf, math.inf, level, n, "unbounded")
    if values.min() == values.max():
        return Interval(mean, mean, mean, level, n, "constant")
    if n < MIN_BOOTSTRAP:
        half = student_quantile(level, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
        return Interval(mean, mean - half, mean + half, level, n, "student-t")
    low, high = _bca(values, mean, level, seed)
    return Interval(mean, min(low, mean), max(high, mean), level, n, "bca-bootstrap")


def _bca(values: Floats, mean: float, level: float, seed: int) -> tuple[float, float]:
    """Percentiles of the resampled means, moved for their bias and for the skewness of the outcomes."""
    means = _resampled_means(values, seed)
    share = float((means < mean).mean() + (means == mean).mean() / 2)
    bias = normal_quantile(min(max(share, 0.5 / RESAMPLES), 1 - 0.5 / RESAMPLES))
    deviations = values - mean
    acceleration = float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))
    bounds = [_moved(bias, acceleration, p) for p in ((1 - level) / 2, (1 + level) / 2)]
    low, high = np.quantile(means, bounds)
    return float(low), float(high)


def _moved(bias: float, acceleration: float, p: float) -> float:
    z = bias + normal_quantile(p)
    return normal_cdf(bias + z / (1 - acceleration * z))


def _resampled_means(values: Floats, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    n, means = values.size, np.empty(RESAMPLES)
    step = max(1, _CHUNK // n)
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        means[start : start + rows] = values[rng.integers(0, n, (rows, n), dtype=np.int32)].mean(axis=1)
    return means
