"""Edges: the moments at which counters take a new value, each known to lie between two reads.

A counter shows the energy up to its last update, so a difference between two edges is exact, where a difference
between two moments is off by up to one period at each end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure.energy.clock import Clock
from bench.measure.energy.period import Period
from bench.measure.energy.sources import EnergySource

GATE_S = 2e-4
ATTEMPTS = 8
# Woken this long before the predicted edge: a sleeping process is late by up to about a millisecond.
EARLY_S = 2e-3
# Without a change for this many periods the counter is taken to stand still.
PATIENCE = 5.0
# A bracket up to this many times as wide as usual is no interruption, however slow a read is.
USUAL_WIDTHS = 1.5
LEAST_PATIENCE_S = 0.02


@dataclass(frozen=True)
class Edge:
    """A counter changed to `value_j` after `before_s` and not after `after_s`.

    `before_s` is when the last read that showed the old value began: a counter may change while it is being read.
    """

    before_s: float
    after_s: float
    value_j: float

    @property
    def at_s(self) -> float:
        """The middle of the bracket."""
        return (self.before_s + self.after_s) / 2

    @property
    def half_s(self) -> float:
        """Half the width of the bracket."""
        return (self.after_s - self.before_s) / 2


@dataclass
class _Hunt:
    """The search for one counter's edge."""

    source: EnergySource
    period: Period
    value_j: float
    read_s: float
    deadline_s: float
    best: Edge | None = None
    seen: int = 0
    vague: bool = False

    def look(self, clock: Clock, gate_s: float, attempts: int) -> bool:
        """Read once; return whether the search is over."""
        began = clock.now_s()
        value, now = self.source.read_j(), clock.now_s()
        if value != self.value_j:
            edge = Edge(self.read_s, now, value)
            self.best = edge if self.best is None or edge.half_s <= self.best.half_s else self.best
            self.seen += 1
            self.deadline_s = now + patience_s(self.period)
            self.value_j = value
            self.period, self.vague = self.period.seen(now), edge.half_s * 2 > EARLY_S
        self.read_s = began
        gate_s = max(gate_s, USUAL_WIDTHS * self.period.width_s)
        done = self.best is not None and (self.best.half_s * 2 <= gate_s or self.seen >= attempts)
        return done or now > self.deadline_s

    def rest_s(self, now_s: float) -> float:
        """Return for how long nothing is due yet, jitter and a late awakening allowed for.

        An update that is late stays due until its jitter is over: sleeping then would miss it. After a sleep that
        went over an update the next one is watched for without rest.
        """
        if self.vague:
            return 0.0
        period = self.period
        late, early = period.high_s - period.tau_s + EARLY_S, period.tau_s - period.low_s + EARLY_S
        return max(period.next_s(self.read_s - late), period.seen_s + period.tau_s) - early - now_s

    def found(self) -> Edge:
        """Return the narrowest edge; without any, that the value was set within the last period."""
        return self.best or Edge(self.read_s - self.period.high_s, self.read_s, self.value_j)


def next_edges(
    sources: Sequence[EnergySource],
    periods: Sequence[Period],
    clock: Clock,
    *,
    reads: Sequence[Edge] | None = None,
    gate_s: float = GATE_S,
    attempts: int = ATTEMPTS,
    pause_s: float = 0.0,
    rest: bool = True,
) -> list[Edge]:
    """Wait until every counter has changed; return one edge each, in their order.

    Sleeps until just before the next predicted edge, then reads until the value changes; an edge whose bracket is
    wider than `gate_s` (and than reads of this counter make it) is tried again, at most `attempts` times, and then the
    narrowest is taken. A counter that never changes gives an edge as wide as its period: nothing is thrown for a missed
    one. `reads` are reads made already; `pause_s` is slept between reads of slow gauges; without `rest` the prediction,
    which after a long window may have drifted, is not slept on. Raises OSError when a read fails.
    """
    known = reads or [read_now(source, clock) for source in sources]
    hunts = [
        _Hunt(source, period, read.value_j, read.before_s, clock.now_s() + patience_s(period))
        for source, period, read in zip(sources, periods, known, strict=True)
    ]
    pending = list(hunts)
    while pending:
        wait = min(hunt.rest_s(clock.now_s()) for hunt in pending) if rest else 0.0
        if max(wait, pause_s) > 0:
            clock.sleep_s(max(wait, pause_s))
        pending = [hunt for hunt in pending if not hunt.look(clock, gate_s, attempts)]
    return [hunt.found() for hunt in hunts]


def read_now(source: EnergySource, clock: Clock) -> Edge:
    """Read once, the bracket being that of the read itself. Raises OSError when it fails."""
    before = clock.now_s()
    value = source.read_j()
    return Edge(before, clock.now_s(), value)


def backdated(read: Edge, following: Edge, period: Period) -> Edge:
    """Return the edge that set the value read, from the edge that followed it one period later.

    `read` brackets the read itself. The work may end anywhere between two updates: what the counter showed then was
    set at the last update, and the next one, waited for with the work over, dates it to within the jitter of the
    period without adding idle energy. When both do not agree only "within the last period" is known.
    """
    earliest, latest = read.before_s - period.high_s, read.after_s
    if following.value_j == read.value_j:
        return Edge(earliest, latest, read.value_j)
    before = max(earliest, following.before_s - period.high_s)
    after = min(latest, following.after_s - period.low_s)
    if after < before:
        before, after = earliest, latest
    return Edge(before, after, read.value_j)


def patience_s(period: Period) -> float:
    """Return how long a counter of that period may stand still before the search is given up."""
    return max(LEAST_PATIENCE_S, PATIENCE * period.high_s)
