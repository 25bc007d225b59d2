"""Metering in a worker: which meters can read here, windows of whole inferences, windows over idleness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.errors import PluginError
from bench.measure import placement
from bench.measure.energy import SystemClock, by_share, whole_inferences
from bench.reading import Reading, lacking
from bench.worker.loading import load_target
from bench.worker.measuring import Measuring
from bench.worker.plain import jsonable

# The length of a window is asked for one per cent; where that takes longer than ten seconds, for ten per cent.
FINE, COARSE, USUAL_S = 0.01, 0.1, 10.0


class Metering:
    """Holds the meters that were made in this worker, since finding a counter's period takes a while."""

    def __init__(self, measuring: Measuring) -> None:
        self._measuring = measuring
        self._made: dict[str, Any] = {}

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
            watch = _Watch(self._meter(meter))
            found = whole_inferences(
                watch, call, seconds=seconds, clock=SystemClock(), synchronize=session.synchronize
            )  # fmt: skip
            found = by_share(found)
        except Exception as error:  # noqa: BLE001 - a meter may fail in any way; that costs the number, not the cell
            found = _lost(error)
        return {"reading": jsonable(found.to_json())}

    def idle(self, *, meter: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Sleep that long inside a window; return the joules of the machine meanwhile, whoever caused them."""
        try:
            made = _Watch(self._meter(meter))
            token = made.start()
            SystemClock().sleep_s(seconds)
            found = made.stop(made.guard(token))
        except Exception as error:  # noqa: BLE001 - as above
            found = _lost(error)
        return {"reading": jsonable(found.to_json())}

    def _ask(self, meter: Mapping[str, Any], timing: bool) -> dict[str, Any]:
        try:
            made = self._meter(meter)
            zones = [asdict(each) for each in made.describe()] if hasattr(made, "describe") else []
            answer: dict[str, Any] = {"reason": made.available(), "zones": zones}
            return {**answer, **_timing(made)} if timing and answer["reason"] is None else answer
        except Exception as error:  # noqa: BLE001 - as above
            return {"reason": str(error) or type(error).__name__, "zones": []}

    def _meter(self, meter: Mapping[str, Any]) -> Any:
        key = repr((meter["target"], sorted(dict(meter["options"]).items())))
        if key not in self._made:
            self._made[key] = load_target(meter["target"])(**meter["options"])
        return self._made[key]


class _Watch:
    """A meter with a guard, whether it has one or not, whose readings say how they were obtained or are none."""

    def __init__(self, meter: Any) -> None:
        self.start, self._stop = meter.start, meter.stop
        self.guard = getattr(meter, "guard", lambda token: token)

    def stop(self, token: Any) -> Reading:
        """Close the window."""
        reading: Reading = self._stop(token)
        gone = lacking(reading)
        return Reading.missing("J", f"the meter does not say {', '.join(gone)} of its reading") if gone else reading


def _timing(meter: Any) -> dict[str, Any]:
    period = float(meter.period_s()) if hasattr(meter, "period_s") else None
    if not hasattr(meter, "window_s"):
        return {"period_s": period, "fine_s": None, "window_s": USUAL_S}
    fine, coarse = (float(meter.window_s(each)) for each in (FINE, COARSE))
    usual = max(USUAL_S, coarse) if math.isfinite(coarse) else USUAL_S
    return {"period_s": period, "fine_s": fine, "window_s": max(1.0, min(fine, usual))}


def _lost(error: Exception) -> Reading:
    return Reading.missing("J", f"the window was lost: {type(error).__name__}: {error}"[:500])
