"""The clock that queries are issued by: this machine's, or one that a replay moves."""

from __future__ import annotations

import time
from typing import Protocol

# A sleep ends late by up to about this much; what is left is spun, so that a query starts when it is due.
SPIN_NS = 200_000


class IssueClock(Protocol):
    """Nanoseconds; only differences have a meaning."""

    def now_ns(self) -> int:
        """Return the time."""

    def wait_until_ns(self, moment: int) -> None:
        """Return at that moment, at once where it is past."""


class SteadyClock:
    """This machine's monotonic clock: sleeps while there is time, then spins."""

    now_ns = staticmethod(time.perf_counter_ns)

    def wait_until_ns(self, moment: int) -> None:
        """Wait for a moment."""
        clock = time.perf_counter_ns
        if (left := moment - clock()) > SPIN_NS:
            time.sleep((left - SPIN_NS) / 1e9)
        while clock() < moment:
            pass


class VirtualClock:
    """Time that passes only when it is told to: a schedule replayed at once, to the same nanosecond every time."""

    def __init__(self) -> None:
        self.time = 0

    def now_ns(self) -> int:
        """Return the time."""
        return self.time

    def wait_until_ns(self, moment: int) -> None:
        """Move on to a moment."""
        self.time = max(self.time, moment)

    def work(self, ns: int) -> None:
        """Let something take that long."""
        self.time += ns
