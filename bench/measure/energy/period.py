"""The update period of a counter, found by watching it."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from itertools import pairwise

from bench.measure.energy.clock import Clock
from bench.measure.energy.sources import EnergySource
from bench.measure.energy.wrap import InvalidWindow

UPDATES = 12
BUDGET_S = 5.0
# Intervals outside these multiples of the median hold a missed or doubled update.
USUAL = (0.5, 1.5)


@dataclass(frozen=True)
class Period:
    """`tau_s` is the median interval between updates; any one lies between `low_s` and `high_s`.

    `seen_s` is a moment at which an update was seen: where the next one may be expected. `width_s` is the usual width
    of a bracket, two reads of the counter.
    """

    tau_s: float
    low_s: float
    high_s: float
    seen_s: float = 0.0
    updates: int = 0
    width_s: float = 0.0

    def next_s(self, after_s: float) -> float:
        """Return when the first update after that moment is due, if updates have kept pace since the last seen."""
        if self.tau_s <= 0:
            return after_s
        return self.seen_s + math.ceil((after_s - self.seen_s) / self.tau_s) * self.tau_s

    def seen(self, at_s: float) -> Period:
        """Return the same period with a newer update to predict from."""
        return replace(self, seen_s=at_s)


def discover(
    source: EnergySource, clock: Clock, *, updates: int = UPDATES, budget_s: float = BUDGET_S, pause_s: float = 0.0
) -> Period:
    """Read a counter without rest until it has changed `updates` + 1 times, or `budget_s` is over.

    The limits are the extremes seen, widened by half their distance and by the width of the brackets. Raises OSError
    when a read fails, and InvalidWindow when the counter changed fewer than three times: what stands still counts
    nothing.
    """
    stamps = _stamps(source, clock, updates + 1, budget_s, pause_s)
    if len(stamps) < 3:
        raise InvalidWindow(
            f"the counter {source.name} changed {len(stamps)} times in {budget_s:g} s: it stands still, as those that "
            "virtual machines show often do"
        )
    middles = [(before + after) / 2 for before, after in stamps]
    widths = [after - before for before, after in stamps]
    spans = [last - first for first, last in pairwise(middles)]
    slacks = [(first + last) / 2 for first, last in pairwise(widths)]
    tau = statistics.median(spans)
    usual = [(span, slack) for span, slack in zip(spans, slacks, strict=True) if USUAL[0] < span / tau < USUAL[1]]
    # Where a preemption made a bracket wide, the span says nothing: the narrower half of them counts.
    fair = statistics.median(slack for _, slack in usual)
    kept = [(span, slack) for span, slack in usual if slack <= 2 * fair]
    low, high = min(span for span, _ in kept), max(span for span, _ in kept)
    margin = (high - low) / 2 + min(slack for _, slack in kept)
    return Period(tau, max(0.0, low - margin), high + margin, middles[-1], len(stamps), statistics.median(widths))


def _stamps(
    source: EnergySource, clock: Clock, changes: int, budget_s: float, pause_s: float
) -> list[tuple[float, float]]:
    """Return the brackets of that many changes, or of as many as came within the budget."""
    found: list[tuple[float, float]] = []
    began = before = clock.now_s()
    value = source.read_j()
    while len(found) < changes and before - began < budget_s:
        if pause_s > 0:
            clock.sleep_s(pause_s)
        now, latest = clock.now_s(), source.read_j()
        if latest != value:
            found.append((before, clock.now_s()))
            value = latest
        before = now
    return found
