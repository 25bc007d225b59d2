"""An open window as a value: where each counter was at its edge, and every read since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.measure.energy.clock import Instant
from bench.measure.energy.edges import Edge
from bench.measure.energy.period import Period
from bench.measure.energy.sources import EnergySource, Traits
from bench.measure.energy.wrap import difference_j


@dataclass(frozen=True)
class Track:
    """One counter in one window: its first edge, its last read, and the joules between the two."""

    start: Edge
    last: Edge
    joules: float = 0.0

    def to(self, read: Edge, source: EnergySource, period: Period) -> Track:
        """Return the track with one more read. Raises InvalidWindow when the step has no single plausible value."""
        traits = Traits.of(source)
        step = difference_j(
            self.last.value_j,
            read.value_j,
            wrap_j=source.wrap_j,
            # A step of the counter is no power of its own.
            limit_w=traits.peak_w,
            elapsed_s=read.after_s - self.last.before_s + period.high_s + traits.quantum_j / traits.peak_w,
        )
        return replace(self, last=read, joules=self.joules + step)


@dataclass(frozen=True)
class Window:
    """A token: what `start` saw. `ready_s` is when the work could begin; `failure` why the window is lost already."""

    began: Instant
    ready_s: float = 0.0
    tracks: tuple[Track, ...] = ()
    periods: tuple[Period, ...] = ()
    failure: str | None = None
    load: Any = None


@dataclass(frozen=True)
class Span:
    """One counter's closed window: joules between two edges."""

    start: Edge
    stop: Edge
    joules: float

    @property
    def seconds(self) -> float:
        """Length between the middles of the two edges' brackets."""
        return self.stop.at_s - self.start.at_s

    @property
    def brackets_s(self) -> float:
        """Half the widths of both brackets, added: da + db."""
        return self.start.half_s + self.stop.half_s


@dataclass(frozen=True)
class Provenance:
    """What a meter says about every window of its own."""

    name: str
    version: str
    kind: str
    domains: tuple[str, ...]
    headline: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
