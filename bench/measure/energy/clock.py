"""The clock of a window: monotonic time, time that goes on during suspend, and sleep. A test hands in its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

# Reads of the two clocks further apart than this are tried again: a preemption between them is no suspend.
CLOSE_S = 1e-4
TRIES = 5
# A clock set by the network is steered by at most 0.5 per mille (RFC 5905); twice that, and a hundredth of a second.
SLEW = 1e-3
LEAST_JUMP_S = 0.01


class Clock(Protocol):
    """Seconds; only differences have a meaning."""

    def now_s(self) -> float:
        """Return monotonic seconds, which stand still while the machine is suspended."""

    def wall_s(self) -> float:
        """Return seconds that go on while the machine is suspended."""

    def sleep_s(self, seconds: float) -> None:
        """Sleep for that long."""


class SystemClock:
    """The clocks of this machine."""

    def now_s(self) -> float:
        """Return `time.perf_counter()`."""
        return time.perf_counter()

    def wall_s(self) -> float:
        """Return Linux's CLOCK_BOOTTIME, which nobody can set; elsewhere the time of day."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()

    def sleep_s(self, seconds: float) -> None:
        """Sleep for that long."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Instant:
    """Both clocks read together; `slack_s` is how far apart the reads were."""

    now_s: float
    wall_s: float
    slack_s: float

    @classmethod
    def of(cls, clock: Clock) -> Instant:
        """Read both clocks, the closest of a few tries."""
        tries = []
        for _ in range(TRIES):
            first, wall, last = clock.now_s(), clock.wall_s(), clock.now_s()
            tries.append(cls(first, wall, last - first))
            if last - first <= CLOSE_S:
                break
        return min(tries, key=lambda each: each.slack_s)


def jump_s(first: Instant, last: Instant) -> float:
    """Return by how many seconds the clocks parted between two instants, 0 when it may be reading and steering."""
    elapsed = last.now_s - first.now_s
    parted = abs((last.wall_s - first.wall_s) - elapsed)
    allowed = LEAST_JUMP_S + SLEW * elapsed + first.slack_s + last.slack_s
    return parted if parted > allowed else 0.0
