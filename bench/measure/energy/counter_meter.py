"""A meter of counters: windows that begin and end on edges, and say how far off they may be.

No thread and no process: everything happens inside the calls. Between them nothing is kept but the periods.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.measure.energy.clock import Clock, Instant, SystemClock, jump_s
from bench.measure.energy.closing import closed_reading, lost_reading
from bench.measure.energy.edges import ATTEMPTS, GATE_S, Edge, backdated, next_edges, read_now
from bench.measure.energy.period import BUDGET_S, UPDATES, Period, discover
from bench.measure.energy.sharing import LoadProbe, ProcLoad
from bench.measure.energy.sources import EnergySource, Traits
from bench.measure.energy.uncertainty import window_for
from bench.measure.energy.window import Provenance, Span, Track, Window
from bench.measure.energy.wrap import InvalidWindow, guard_interval_s
from bench.reading import Reading

Kind = Literal["counter", "power", "gauge"]
# A guard read this often costs nothing and lets a reset hide nowhere but within a second's energy of the ends.
GUARD_S = 1.0


@dataclass(frozen=True)
class Engine:
    """How edges are looked for: gate and attempts at the start, updates and budget of the discovery, pause of gauges.

    Windows shorter than `least_window_s` have no value.
    """

    gate_s: float = GATE_S
    attempts: int = ATTEMPTS
    updates: int = UPDATES
    budget_s: float = BUDGET_S
    pause_s: float = 0.0
    least_window_s: float = 0.0


class CounterMeter:
    """Reads joules from counters that do not overlap, or are kept apart.

    `headline` names the domains whose sum is the reading's value (default: all of them); the others stand beside it in
    `by_domain`. Tokens are values, windows may overlap. `clock` and `load` are handed in by tests.
    """

    def __init__(
        self,
        sources: Sequence[EnergySource],
        *,
        name: str,
        version: str,
        kind: Kind = "counter",
        headline: Collection[str] | None = None,
        engine: Engine | None = None,
        clock: Clock | None = None,
        load: LoadProbe | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self._clock = clock or SystemClock()
        self._engine = engine or Engine()
        self._load = load or ProcLoad()
        domains = tuple(dict.fromkeys(each.domain for each in self.sources))
        chosen = tuple(each for each in domains if headline is None or each in headline)
        self.provenance = Provenance(name, version, kind, domains, chosen)
        self._periods: tuple[Period, ...] | None = None

    def available(self) -> str | None:
        """Return None when every counter can be read, else the reason."""
        if not self.provenance.headline:
            return self._nothing()
        for source in self.sources:
            try:
                source.read_j()
            except OSError as error:
                return f"{source.name} cannot be read: {error}"
        return None

    def periods(self) -> tuple[Period, ...]:
        """Return every counter's update period, found at the first call (13 updates of each).

        A counter beside the headline that cannot be read or stands still is left out; one in it raises OSError or
        InvalidWindow, as `discover` does.
        """
        if self._periods is None:
            found = [(source, self._discover(source)) for source in self.sources]
            self.sources = tuple(source for source, period in found if period is not None)
            self._periods = tuple(period for _, period in found if period is not None)
        return self._periods

    def align(self) -> float:
        """Wait for an edge of every counter; return the widest bracket in seconds: how well this machine sees edges.

        Raises as `periods` does.
        """
        return max(2 * edge.half_s for edge in self._edges(self.periods()))

    def period_s(self) -> float:
        """Return the slowest counter's update period in seconds. Raises as `periods` does."""
        return max(each.tau_s for each in self.periods())

    def window_s(self, precision: float, mean_w: float | None = None) -> float:
        """Return the seconds a window must last for a stated uncertainty within `precision` (relative).

        `mean_w` is the mean power expected in each domain (default: half of each one's limit). Raises as `periods`.
        """
        needed = [self._engine.least_window_s]
        for source, period in zip(self.sources, self.periods(), strict=True):
            traits = Traits.of(source)
            if source.domain in self.provenance.headline:
                brackets = self._engine.gate_s / 2 + (period.high_s - period.low_s) / 2 + self._engine.gate_s / 2
                mean = traits.peak_w / 2 if mean_w is None else mean_w
                needed.append(window_for(precision, traits, mean_w=mean, period_s=period.tau_s, brackets_s=brackets))
        return max(needed)

    def guard_s(self) -> float:
        """Return how often `guard` must be called in a long window, in seconds; infinite where nothing wraps."""
        return min((guard_interval_s(each.wrap_j, Traits.of(each).peak_w) for each in self.sources), default=math.inf)

    def start(self) -> Window:
        """Wait for an edge of every counter and open a window there. A failed read makes the window invalid later."""
        began = Instant.of(self._clock)
        if not self.provenance.headline:
            return Window(began, ready_s=began.now_s, failure=self._nothing())
        try:
            periods = self.periods()
            edges = self._edges(periods)
        except (OSError, InvalidWindow) as error:
            return Window(began, ready_s=self._clock.now_s(), failure=_said(error))
        # The clocks are read again, since the window begins at the edge.
        return Window(
            Instant.of(self._clock),
            tracks=tuple(Track(edge, edge) for edge in edges),
            periods=tuple(period.seen(edge.at_s) for period, edge in zip(periods, edges, strict=True)),
            load=self._load.read(),
            ready_s=self._clock.now_s(),
        )

    def guard(self, token: Window) -> Window:
        """Return the window with one more read when one is due; call it between inferences in a long window."""
        due = min(GUARD_S, self.guard_s())
        if token.failure or not token.tracks or self._clock.now_s() - token.tracks[0].last.after_s < due:
            return token
        try:
            return replace(token, tracks=self._advanced(token, [read_now(s, self._clock) for s in self.sources]))
        except (OSError, InvalidWindow) as error:
            return replace(token, failure=_said(error))

    def stop(self, token: Window) -> Reading:
        """Close the window at the last edge before this call and return its joules, or say why it has none.

        Reads first, then waits for the next edge, which dates the last one. Synchronise the device before.
        """
        ended_s = self._clock.now_s()
        try:
            if token.failure:
                raise InvalidWindow(token.failure)
            spans = self._spans(token)
            self._check(token, spans)
        except (OSError, InvalidWindow) as error:
            return lost_reading(self.provenance, _said(error), token.periods, ended_s - token.ready_s)
        return closed_reading(self.provenance, self.sources, token, spans, ended_s, self._load.read())

    def _discover(self, source: EnergySource) -> Period | None:
        engine = self._engine
        try:
            return discover(
                source, self._clock, updates=engine.updates, budget_s=engine.budget_s, pause_s=engine.pause_s
            )
        except (OSError, InvalidWindow):
            if source.domain in self.provenance.headline:
                raise
            return None

    def _nothing(self) -> str:
        return f"{self.provenance.name} has no counter to read here"

    def _edges(self, periods: Sequence[Period], **more: Any) -> list[Edge]:
        engine = self._engine
        given = {"gate_s": engine.gate_s, "attempts": engine.attempts, "pause_s": engine.pause_s} | more
        return next_edges(self.sources, periods, self._clock, **given)

    def _advanced(self, token: Window, reads: Sequence[Edge]) -> tuple[Track, ...]:
        steps = zip(token.tracks, reads, self.sources, token.periods, strict=True)
        return tuple(track.to(read, source, period) for track, read, source, period in steps)

    def _spans(self, token: Window) -> list[Span]:
        reads = [read_now(source, self._clock) for source in self.sources]
        tracks = self._advanced(token, reads)
        following = self._edges(token.periods, reads=reads, attempts=1, rest=False)
        # The next edge serves where the window is shorter than a period, and it too must be plausible.
        later = self._advanced(replace(token, tracks=tracks), following)
        return [
            _span(*each) for each in zip(tracks, later, reads, following, token.periods, strict=True)
        ]  # fmt: skip

    def _check(self, token: Window, spans: Sequence[Span]) -> None:
        parted = jump_s(token.began, Instant.of(self._clock))
        if parted:
            raise InvalidWindow(f"the clocks parted by {parted:.3g} s: the machine was suspended, or its clock was set")
        still = [source.name for source, span in zip(self.sources, spans, strict=True) if span.joules <= 0]
        if still:
            raise InvalidWindow(f"the counter {still[0]} did not move: the window is shorter than its step")
        length = min(each.seconds for each in spans)
        if length < self._engine.least_window_s:
            raise InvalidWindow(f"the window lasted {length:.3g} s; this meter needs {self._engine.least_window_s:g} s")


def _span(track: Track, later: Track, read: Edge, following: Edge, period: Period) -> Span:
    stop = backdated(read, following, period)
    if track.joules > 0 and stop.before_s > track.start.after_s:
        return Span(track.start, stop, track.joules)
    return Span(track.start, following, later.joules)


def _said(error: Exception) -> str:
    return f"a read failed: {error}" if isinstance(error, OSError) else str(error)
