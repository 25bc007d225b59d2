"""The burden: busy work added to every call on purpose, so that a gate can prove that it would have seen it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

CALIBRATION_TURNS, CALIBRATIONS = 20_000, 7


def turns_for(fastest_s: float, share: float) -> int:
    """Return the turns of work that take `share` of `fastest_s`, the seconds of a fastest call.

    The work is a number of turns fixed beforehand, not a time to wait for: preempted, it still takes its processor
    time, as a model that got slower would. It runs in the worker; no artifact is touched.
    """
    turn_s = fastest(lambda: work(CALIBRATION_TURNS)) / CALIBRATION_TURNS
    own_s = max(fastest(burdened(_nothing, 0)) - fastest(_nothing), 0.0)
    return max(round((fastest_s * share - own_s) / turn_s), 1)


def burdened(call: Callable[[], Any], turns: int) -> Callable[[], Any]:
    """Return `call` followed by that much work."""

    def heavier() -> Any:
        result = call()
        work(turns)
        return result

    return heavier


def fastest(call: Callable[[], Any], repeats: int = CALIBRATIONS) -> float:
    """Return the seconds of the fastest of some calls."""
    clock, best = time.perf_counter_ns, 1 << 62
    for _ in range(repeats):
        began = clock()
        call()
        best = min(best, clock() - began)
    return best / 1e9


def work(turns: int) -> None:
    """Keep the processor busy for so many turns."""
    for _ in range(turns):
        pass


def _nothing() -> None:
    """Do nothing."""
