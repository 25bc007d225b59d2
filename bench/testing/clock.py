"""A clock for pytest-benchmark: the usual one, or one that tells durations measured elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any


class Clock:
    """`read` is the timer of `benchmark`; `replay` makes it see durations that a worker process measured."""

    def __init__(self) -> None:
        self._stamps: Iterator[float] | None = None

        def perf_counter() -> float:
            return time.perf_counter() if self._stamps is None else next(self._stamps)

        self.read = perf_counter

    def replay(self, benchmark: Any, durations: Sequence[float]) -> None:
        """Record durations in seconds as the rounds of `benchmark`, through its public `pedantic`."""
        self._stamps = _stamps(durations)
        try:
            benchmark.pedantic(_nothing, rounds=len(durations), iterations=1)
        finally:
            self._stamps = None


def _stamps(durations: Sequence[float]) -> Iterator[float]:
    """Yield a start and a stop for each duration; every start is 0, so that no rounding adds up."""
    for each in durations:
        yield 0.0
        yield each


def _nothing() -> None:
    """Stand for the call that was measured elsewhere."""
