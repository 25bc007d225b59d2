"""Metering in a worker: which meters can read here, windows of whole inferences, windows over idleness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.errors import PluginError
from bench.measure import placement
from bench.measure.counted import odd
from bench.measure.energy import SystemClock, by_share, lost, whole_inferences
from bench.protocols import Timed
from bench.reading import Reading
from bench.worker.counting import Counter, Tally
from bench.worker.measuring import Measuring
from bench.worker.meters import Meters, Watch
from bench.worker.plain import jsonable

# The length of a window is asked for one per cent; where that takes longer than ten seconds, for ten per cent.
FINE, COARSE, USUAL_S = 0.01, 0.1, 10.0


class Metering:
    """Asks meters, and opens their windows over inferences and over idleness."""

    def __init__(self, measuring: Measuring, meters: Meters) -> None:
        self._measuring, self._meters = measuring, meters

    def available(self, *, meters: Mapping[str, Mapping[str, Any]], timing: bool = True) -> Mapping[str, Any]:
        """Ask meters, {name: {target, options}}, whether they can read here.

        Each answers `reason` (None, or why not with the cure) and `zones` where it can list them; with `timing` also
        `period_s`, `fine_s` (the window for one per cent, None when no length gives it) and `window_s` (the window to
        take). A meter that fails in any way has that for its reason.
        """
        return {"meters": {name: jsonable(self._ask(each, timing)) for name, each in meters.items()}}

    def window(self, *, meter: Mapping[str, Any], seconds: float, core: int | None) -> Mapping[str, Any]:
        """Run whole inferences of the open session for at least that long; return the joules of one.

        The reading is this process's share of the machine's joules. A window that is lost costs its number only: the
        reading is then unavailable.
        """
        session, call = self._measuring.session, self._measuring.call
        if session is None or call is None:
            raise PluginError("no session is open in this worker")
        placement.pin(core)
        try:
            if isinstance(session, Timed):
                raise PluginError("the calls run outside the worker, whose share of the joules is not theirs")
            watch = Watch(self._meters.made(meter))
            tally, counter = Tally(session), Counter(call)
            found = whole_inferences(
                watch, counter, seconds=seconds, clock=SystemClock(), synchronize=session.synchronize
            )  # fmt: skip
            counted = tally.ended(counter.calls * self._measuring.calls)
            why = odd(counted) if counted else None
            found = Reading.missing("J", f"the window was lost: {why}") if why else by_share(found)
        except Exception as error:  # noqa: BLE001 - a meter may fail in any way; that costs the number, not the cell
            found = lost(error)
        return {"reading": jsonable(found.to_json())}

    def idle(self, *, meter: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Sleep that long inside a window; return the joules of the machine meanwhile, whoever caused them."""
        try:
            made = Watch(self._meters.made(meter))
            token = made.start()
            SystemClock().sleep_s(seconds)
            found = made.stop(made.guard(token))
        except Exception as error:  # noqa: BLE001 - as above
            found = lost(error)
        return {"reading": jsonable(found.to_json())}

    def _ask(self, meter: Mapping[str, Any], timing: bool) -> dict[str, Any]:
        try:
            made = self._meters.made(meter)
            zones = [asdict(each) for each in made.describe()] if hasattr(made, "describe") else []
            answer: dict[str, Any] = {"reason": made.available(), "zones": zones}
            return {**answer, **_timing(made)} if timing and answer["reason"] is None else answer
        except Exception as error:  # noqa: BLE001 - as above
            return {"reason": str(error) or type(error).__name__, "zones": []}


def _timing(meter: Any) -> dict[str, Any]:
    period = float(meter.period_s()) if hasattr(meter, "period_s") else None
    if not hasattr(meter, "window_s"):
        return {"period_s": period, "fine_s": None, "window_s": USUAL_S}
    fine, coarse = (float(meter.window_s(each)) for each in (FINE, COARSE))
    usual = max(USUAL_S, coarse) if math.isfinite(coarse) else USUAL_S
    return {"period_s": period, "fine_s": fine, "window_s": max(1.0, min(fine, usual))}
