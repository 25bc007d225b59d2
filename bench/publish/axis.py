"""One axis of a chart: where a value lies, and which round values are marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.publish.format import SMALLEST

LOG_FROM = 4.0  # largest over smallest value from which a logarithmic axis shows more


@dataclass(frozen=True)
class Axis:
    """A mapping of [low, high] to [start, end] in drawing units, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value, kept inside the axis."""
        change: Callable[[float], float] = math.log10 if self.log else float
        value = min(max(value, self.low), self.high)
        share = (change(value) - change(self.low)) / (change(self.high) - change(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Return up to about `most` round values inside the axis, ascending."""
        found = _log_ticks(self.low, self.high) if self.log else []
        return found if 3 <= len(found) <= most + 3 else _linear_ticks(self.low, self.high, most)


def axis(values: Iterable[float], start: float, end: float, *, log: bool) -> Axis:
    """Return an axis that holds all values with a margin; logarithmic where asked, all are positive and far apart."""
    found = list(values)
    low, high = min(found), max(found)
    if log and low > SMALLEST and high / low >= LOG_FROM:
        margin = (high / low) ** 0.06
        return Axis(low / margin, high * margin, start, end, log=True)
    span, size = high - low, max(abs(low), abs(high))
    margin = 0.07 * span if span > 1e-9 * size else 0.1 * size or 1.0
    return Axis(low - margin, high + margin, start, end)


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**power for power in decades for step in steps if low <= step * 10.0**power <= high]
        if len(found) <= 8:
            return found
    return found


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = math.ceil(low / step)
    return [index * step for index in range(first, math.floor(high / step) + 1)]
