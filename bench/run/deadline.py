"""The deadline of a comparison: one for all that it asks of workers, however many requests that takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.errors import WorkerError
from bench.units import format_quantity

Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    """When what began with `limit_s` seconds to spend is to be over, by a clock that starts anywhere."""

    limit_s: float
    end_s: float
    clock: Clock

    @classmethod
    def after(cls, limit_s: float, clock: Clock = time.monotonic) -> Deadline:
        """Return the deadline of what begins now."""
        return cls(limit_s, clock() + limit_s, clock)

    @classmethod
    def each(cls, limit_s: float) -> Deadline:
        """Return what gives every request as long: for what is no part of a comparison."""
        return cls(limit_s, math.inf, time.monotonic)

    def half(self) -> Deadline:
        """Return the deadline of one of several that wait: one that hangs leaves the others half of what is left."""
        return (
            self
            if math.isinf(self.end_s)
            else Deadline(self.limit_s, self.clock() + self.remaining_s() / 2, self.clock)
        )

    def remaining_s(self) -> float:
        """Return the seconds left, 0 when it is over."""
        return min(max(self.end_s - self.clock(), 0.0), self.limit_s)

    def left_s(self) -> float:
        """Return how long the next request may take. Raises WorkerError (timeout) when it is over."""
        left = self.remaining_s()
        if left <= 0:
            limit = format_quantity(self.limit_s, "s")
            raise WorkerError(f"the {limit} that its comparison may take (`timeout`) are used up", status="timeout")
        return left
