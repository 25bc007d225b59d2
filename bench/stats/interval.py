"""The one shape every statistic here returns, and the checks they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Numbers = Floats | Sequence[float]


@dataclass(frozen=True)
class Interval:
    """A value and the interval that covers the truth with probability `level`.

    `value`, `low` and `high` are in the unit of the data; a bound is infinite where the data set none. `n` counts the
    units (launches, examples; calls for a quantile) and `method` names how the interval was obtained.
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str

    @property
    def width(self) -> float:
        """Full width, in the unit of the value."""
        return self.high - self.low

    @property
    def relative_width(self) -> float:
        """Full width as a fraction of the value, which `repeat: until ci < 2%` is judged by; inf when unbounded."""
        return self.width / abs(self.value) if self.value and math.isfinite(self.width) else math.inf

    def covers(self, truth: float) -> bool:
        """Whether the closed interval holds `truth`."""
        return self.low <= truth <= self.high

    def mapped(self, increasing: Callable[[float], float]) -> Interval:
        """Return the interval of an increasing function of the quantity."""
        return replace(self, value=increasing(self.value), low=increasing(self.low), high=increasing(self.high))


def check_level(level: float) -> None:
    """Raise ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level!r}")


def as_floats(values: Numbers, name: str) -> Floats:
    """Return `values` as float64 of shape (n,); ValueError when there is none or one is not finite."""
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one number")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers")
    return array
