"""Energy meters in virtual time: a known power over time, and counters that show it.

The clock only moves when somebody reads, sleeps or works, so results do not depend on the machine's load.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

READ_S = 1.73e-5  # one read of a sysfs file, about as seen, and in no simple ratio to any period
LIMIT_W = 200.0


@dataclass
class VirtualClock:
    """Moves by what is slept and worked; `suspended_s` is what only the wall clock saw."""

    time_s: float = 1000.0
    suspended_s: float = 0.0

    def now_s(self) -> float:
        """Return monotonic seconds."""
        return self.time_s

    def wall_s(self) -> float:
        """Return seconds that go on during suspend."""
        return self.time_s + self.suspended_s

    def sleep_s(self, seconds: float) -> None:
        """Move on."""
        self.time_s += max(0.0, seconds)


class NoLoad:
    """A machine that does not tell who works."""

    def read(self) -> None:
        """Return nothing."""


class Trace(Protocol):
    """A power over time, known exactly."""

    def power_w(self, at_s: float) -> float:
        """Return the power at a moment."""

    def energy_j(self, at_s: float) -> float:
        """Return the energy up to a moment."""


@dataclass
class Step:
    """Idle at 20 W, 120 W between `on_s` and `off_s`."""

    on_s: float = math.inf
    off_s: float = math.inf

    def power_w(self, at_s: float) -> float:
        """Return the power at a moment."""
        return 120.0 if self.on_s <= at_s < self.off_s else 20.0

    def energy_j(self, at_s: float) -> float:
        """Return the energy up to a moment."""
        return 20.0 * at_s + 100.0 * max(0.0, min(at_s, self.off_s) - self.on_s)


@dataclass
class Sine:
    """70 W, plus and minus 50 W at 7.31 Hz."""

    phase: float = 0.0
    omega: float = 2 * math.pi * 7.31

    def power_w(self, at_s: float) -> float:
        """Return the power at a moment."""
        return 70.0 + 50.0 * math.sin(self.omega * at_s + self.phase)

    def energy_j(self, at_s: float) -> float:
        """Return the energy up to a moment."""
        return 70.0 * at_s - 50.0 / self.omega * math.cos(self.omega * at_s + self.phase)


@dataclass
class Bursts:
    """5 ms of 200 W in every 50 ms, else 20 W: 38 W on average. `offsets` move each burst within its 50 ms."""

    phase_s: float = 0.0
    offsets: tuple[float, ...] = (0.0,)

    def _slot(self, at_s: float) -> tuple[int, float]:
        slot = math.floor((at_s + self.phase_s) / 0.05)
        return slot, at_s + self.phase_s - slot * 0.05 - self.offsets[slot % len(self.offsets)]

    def power_w(self, at_s: float) -> float:
        """Return the power at a moment."""
        return 200.0 if 0 <= self._slot(at_s)[1] < 0.005 else 20.0

    def energy_j(self, at_s: float) -> float:
        """Return the energy up to a moment."""
        slot, within = self._slot(at_s)
        return 20.0 * at_s + 180.0 * (slot * 0.005 + min(0.005, max(0.0, within)))


def locked(draw: random.Random) -> Bursts:
    """Return bursts at a fixed place in their 50 ms, as a periodic task has them."""
    return Bursts(draw.uniform(0, 0.05))


def jittered(draw: random.Random) -> Bursts:
    """Return bursts at a random place in each 50 ms."""
    return Bursts(draw.uniform(0, 0.05), tuple(draw.uniform(0, 0.045) for _ in range(997)))


TRACES: dict[str, Callable[[random.Random], Trace]] = {
    "step": lambda _: Step(),
    "sine": lambda draw: Sine(draw.uniform(0, 2 * math.pi)),
    "bursts, jittered": jittered,
    "bursts, locked": locked,
}


def _lags(draw: random.Random) -> tuple[float, ...]:
    return tuple(draw.uniform(-1, 1) for _ in range(991))


@dataclass
class VirtualCounter:
    """A counter that is updated every `tau_s`, give or take `jitter` of it, in steps of `quantum_j`, and wraps.

    Every read moves the clock by `cost_s`.
    """

    clock: VirtualClock
    trace: Trace
    tau_s: float
    phase_s: float = 0.0
    jitter: float = 0.0
    quantum_j: float = 61e-6
    wrap_j: float | None = None
    power_limit_w: float | None = LIMIT_W
    cost_s: float = READ_S
    offset_j: float = 0.0
    name: str = "package-0"
    domain: str = "package"
    lags: tuple[float, ...] = field(default_factory=lambda: _lags(random.Random(5)))

    def update_s(self, index: int) -> float:
        """Return the moment of an update."""
        return self.phase_s + index * self.tau_s + self.lags[index % len(self.lags)] * self.jitter * self.tau_s

    def shown_j(self, at_s: float) -> float:
        """Return what the counter shows at a moment."""
        index = math.floor((at_s - self.phase_s) / self.tau_s) + 1
        while self.update_s(index) > at_s:
            index -= 1
        joules = self.offset_j + self.trace.energy_j(self.update_s(index))
        steps = math.floor(joules / self.quantum_j) * self.quantum_j
        return steps % self.wrap_j if self.wrap_j else steps

    def read_j(self) -> float:
        """Read: half of the cost passes before the value is taken, half after."""
        self.clock.time_s += self.cost_s / 2
        value = self.shown_j(self.clock.time_s)
        self.clock.time_s += self.cost_s / 2
        return value


def poll_j(trace: Trace, start_s: float, stop_s: float, every_s: float) -> float:
    """Return the joules of a window by polling instant power: the power now times the time since the last poll.

    So do the common trackers; their last poll comes when the work is over.
    """
    joules, last = 0.0, start_s
    for index in range(1, math.ceil((stop_s - start_s) / every_s) + 1):
        now = min(start_s + index * every_s, stop_s)
        joules += trace.power_w(now) * (now - last)
        last = now
    return joules
