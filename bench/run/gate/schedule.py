"""The schedule: time goes to undecided pairs in turn, those nearest a decision first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

# A pair that is not decided within its time may take once more as much, from what others saved.
LONGER = 2.0


class Measured(Protocol):
    """What is launched again and again."""

    seconds: float

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to decide."""

    @property
    def distance(self) -> float:
        """How far it is from a decision."""

    def step(self, tell: Callable[[str, str], None]) -> None:
        """Launch once."""


def spend(
    pairs: Sequence[Measured],
    each_s: float,
    total_s: float | None,
    tell: Callable[[str, str], None],
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Launch pairs until all are settled or the time is over; returns whether all are settled.

    With `total_s` that is all the time there is, and any pair may use it; without, a pair has `each_s`, and as much
    again while others use less than theirs.
    """
    deadline = clock() + (total_s if total_s is not None else each_s * len(pairs))
    while open_ := [each for each in pairs if not each.settled and _may(each, each_s, total_s)]:
        for each in sorted(open_, key=lambda pair: pair.distance):
            if clock() >= deadline:
                return False
            each.step(tell)
    return all(each.settled for each in pairs)


def _may(pair: Measured, each_s: float, total_s: float | None) -> bool:
    return total_s is not None or pair.seconds < LONGER * each_s
