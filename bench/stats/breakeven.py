"""Break-even: after how many inferences a compression step has paid for its own energy.

N* = E_compress / (e_base - e_compressed) is a ratio of two uncertain numbers, so its interval is Fieller's (1954):
every N for which a t test does not refute "the costs are equal after N inferences". Degrees of freedom follow Welch
(1947) and Satterthwaite (1946), so that five windows a side are treated as five. The interval may be unbounded, and
says so: when the saving itself is not demonstrated, "never" is among the answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.stats.interval import Interval, Numbers, as_floats, check_level
from bench.stats.special import normal_cdf, normal_quantile, student_quantile, student_two_sided

BreakEvenVerdict = Literal["saves", "no demonstrated saving"]
NO_SAVING: BreakEvenVerdict = "no demonstrated saving"
MOST_DF = 1000.0  # beyond it Student's t is the normal distribution to three digits


@dataclass(frozen=True)
class Mean:
    """A mean in joules with its standard error and degrees of freedom (infinite where the error is known)."""

    value: float
    standard_error: float
    df: float = math.inf
    n: int = 1

    @classmethod
    def of(cls, windows: Numbers) -> Mean:
        """Average repeated windows, shape (n,) with n >= 2: one window alone says nothing about its own scatter."""
        values = as_floats(windows, "windows")
        if values.size < 2:
            raise ValueError("at least two windows are needed; give a single one with its interval")
        return cls(
            float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size - 1, values.size
        )

    @classmethod
    def from_interval(cls, value: float, low: float, high: float, level: float = 0.95) -> Mean:
        """Take a single reading with its stated interval; the longer arm counts."""
        check_level(level)
        half = max(high - value, value - low)
        if not (low <= value <= high and math.isfinite(half)):
            raise ValueError(f"expected low <= value <= high, all finite, not {low!r}, {value!r}, {high!r}")
        return cls(value, half / normal_quantile((1 + level) / 2))

    def less(self, other: Mean) -> Mean:
        """Return this mean minus another, independent one."""
        a, b = self.standard_error**2, other.standard_error**2
        n = min(self.n, other.n)
        return Mean(self.value - other.value, math.sqrt(a + b), _welch(a, self.df, b, other.df), n)


@dataclass(frozen=True)
class BreakEven:
    """Break-even in inferences: `interval` may be unbounded; both ends are infinite where nothing is ever paid back.

    `saves` is the probability that an inference costs less than before; below 0.975 (for a 95 % level) the verdict is
    "no demonstrated saving".
    """

    interval: Interval
    saves: float
    verdict: BreakEvenVerdict


def paired_saving(base: Numbers, compressed: Numbers) -> Mean:
    """Return the mean saving of windows that were measured side by side, shapes (n,) and (n,)."""
    a, b = as_floats(base, "base"), as_floats(compressed, "compressed")
    if a.size != b.size:
        raise ValueError(f"pairs need as many windows on either side, not {a.size} and {b.size}")
    return Mean.of(np.asarray(a - b, np.float64))


def break_even(compress: Mean, saving: Mean, level: float = 0.95) -> BreakEven:
    """Return the inferences that pay for `compress` (joules, once) at `saving` (joules an inference).

    The two may come from different machines: nothing but their independence is used. Raises ValueError when the cost
    is not positive.
    """
    check_level(level)
    if not compress.value > 0:
        raise ValueError(f"the energy of compression must be positive, not {compress.value!r} J")
    saves = _probability_positive(saving)
    demonstrated = saves >= (1 + level) / 2
    point = compress.value / saving.value if saving.value > 0 else math.inf
    low, high = _bounds(compress, saving, level, demonstrated, saves)
    interval = Interval(point, low, high, level, saving.n, "fieller-welch")
    return BreakEven(interval, saves, "saves" if demonstrated else NO_SAVING)


def _bounds(compress: Mean, saving: Mean, level: float, demonstrated: bool, saves: float) -> tuple[float, float]:
    """Invert the test over u = 1/N: at u = 0 stands 'never', which is why it is searched there and not over N."""
    if saves <= (1 - level) / 2:
        return math.inf, math.inf  # it costs more, demonstrably

    def refuted(u: float) -> bool:
        gap = abs(compress.value * u - saving.value)
        a, b = (compress.standard_error * u) ** 2, saving.standard_error**2
        return gap > _t(level, _welch(a, compress.df, b, saving.df)) * math.sqrt(a + b)

    inside = max(saving.value, 0.0) / compress.value
    step = inside or saving.standard_error / compress.value
    outside = inside + step
    while not refuted(outside) and outside < step * 2**40:
        outside *= 2
    largest = _edge(inside, outside, refuted) if refuted(outside) else math.inf
    smallest = _edge(inside, 0.0, refuted) if demonstrated and refuted(0.0) else 0.0
    return 1 / largest, (1 / smallest if smallest else math.inf)


def _edge(inside: float, outside: float, refuted: Callable[[float], bool]) -> float:
    """Bisect between a value that the test keeps and one that it refutes."""
    for _ in range(100):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if refuted(middle) else (middle, outside)
    return inside


def _welch(a: float, df_a: float, b: float, df_b: float) -> float:
    """Degrees of freedom of a sum of two variances (Satterthwaite 1946)."""
    spread = a * a / df_a + b * b / df_b
    return (a + b) ** 2 / spread if spread > 0 else math.inf


def _t(level: float, df: float) -> float:
    if df >= MOST_DF:
        return normal_quantile((1 + level) / 2)
    return _between_whole(df, lambda whole: student_quantile(level, whole))


def _between_whole(df: float, at: Callable[[int], float]) -> float:
    """Interpolate over fractional degrees of freedom: linear in 1/df, in which Student's t is nearly straight."""
    below = max(int(df), 1)
    weight = (1 / below - 1 / max(df, 1.0)) * below * (below + 1)
    return (1 - weight) * at(below) + weight * at(below + 1)


def _probability_positive(mean: Mean) -> float:
    """Return P(true mean > 0), from Student's t about the observed one."""
    if mean.standard_error == 0:
        return 1.0 if mean.value > 0 else 0.0
    t = mean.value / mean.standard_error
    if mean.df >= MOST_DF:
        return normal_cdf(t)
    two_sided = _between_whole(mean.df, lambda whole: student_two_sided(abs(t), whole))
    return 0.5 + math.copysign(two_sided, t) / 2
