"""What the fixture `efficiency` measured, however it was obtained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.gate.rule import Decision
from bench.reading import Reading
from bench.record import Ratio

# The level of the intervals that limits are judged by: one in a hundred verdicts at the limit may be wrong.
LEVEL = 0.99
LEAST_LAUNCHES = 5


@dataclass(frozen=True)
class Measured:
    """Readings of the model and of its baseline, their ratios, the counted calls' seconds, and what to say besides.

    `decision` is the gate's own on a relative limit of the latency, None where there were no launches to judge.
    """

    readings: Mapping[str, Reading]
    baseline: Mapping[str, Reading] = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    calls: Sequence[float] = ()
    notes: tuple[str, ...] = ()
    decision: Decision | None = None


def both(floor: tuple[float, float, float], work: tuple[float, float, float], n: int, method: str) -> Ratio:
    """Return one ratio of two channels, (value, low, high) each: the floor's, unless processor time proves more.

    The floor is blind to slow-downs of some calls only; where the work's whole interval lies above the floor's, it is
    the ratio.
    """
    chosen = work if work[1] > floor[2] else floor
    facts = {"floor": list(floor), "work": list(work), "level": LEVEL}
    return Ratio(*chosen, "baseline", method, n, facts=facts)
