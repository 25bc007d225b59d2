"""The stated uncertainty of a window: a bound, part by part, and the window that a wanted precision takes.

|error| <= (da + db) Pmax + 2 q + tau (Pmax - Pmin) + gaps + calibration, in joules, where da and db are half the
widths of the brackets of the two edges, q is the step of the counter, and tau its period. The parts are added, not
squared: they are bounds, not standard deviations (GUM, JCGM 100:2008, 4.3.7 gives the alternative).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

from bench.measure.energy.sources import Traits


@dataclass(frozen=True)
class Uncertainty:
    """Joules that each part may put a window off by.

    edges: when the window began and ended; quantum: the step of the counter at both ends; ripple: work cut within a
    period, and idle power between an edge and the work; gaps: time that a part-time sensor does not see;
    calibration: the scale of the sensor.
    """

    edges_j: float = 0.0
    quantum_j: float = 0.0
    ripple_j: float = 0.0
    gaps_j: float = 0.0
    calibration_j: float = 0.0

    @property
    def total_j(self) -> float:
        """The sum of the parts."""
        return float(sum(getattr(self, each.name) for each in fields(self)))

    def __add__(self, other: Uncertainty) -> Uncertainty:
        return Uncertainty(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def scaled(self, factor: float) -> Uncertainty:
        """Return every part times a factor."""
        return Uncertainty(*(getattr(self, each.name) * factor for each in fields(self)))

    def facts(self) -> dict[str, float]:
        """Return the parts and their total, for a reading."""
        return {"total_j": self.total_j, **asdict(self)}


def stated(
    traits: Traits, *, joules: float, brackets_s: float, period_s: float, stray_s: float, gaps_j: float = 0.0
) -> Uncertainty:
    """Return the bound of one window of one source.

    `brackets_s` is da + db; `stray_s` is the time by which the window and the work differ at both ends, which
    counts when it is longer than the period.
    """
    return Uncertainty(
        edges_j=brackets_s * traits.peak_w,
        quantum_j=2 * traits.quantum_j,
        ripple_j=max(period_s, stray_s) * max(0.0, traits.peak_w - traits.floor_w),
        gaps_j=gaps_j,
        calibration_j=traits.calibration * abs(joules),
    )


def window_for(precision: float, traits: Traits, *, mean_w: float, period_s: float, brackets_s: float) -> float:
    """Return the seconds a window must last so that its bound is within `precision` (relative) at `mean_w` watts.

    Infinite when the calibration alone is worse than that.
    """
    fixed = stated(traits, joules=0.0, brackets_s=brackets_s, period_s=period_s, stray_s=0.0).total_j
    left = precision - traits.calibration
    return fixed / (left * mean_w) if left > 0 and mean_w > 0 else math.inf
