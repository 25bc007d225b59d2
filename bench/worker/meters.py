"""Meters in a worker: made once, since finding a counter's period takes a while, and asked through one safe door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bench.machine import on_processor
from bench.measure.energy import Took, around
from bench.reading import Reading, lacking
from bench.worker.loading import load_target

T = TypeVar("T")
ACCELERATORS = ("gpu", "tpu")  # how their domains begin
CARDS_ONLY = "the meter reads accelerators only, and this ran on the processor"


class Meters:
    """Holds the meters that were made in this worker."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def made(self, meter: Mapping[str, Any]) -> Any:
        """Return the meter that {target, options} describes. Raises whatever making it raises."""
        key = repr((meter["target"], sorted(dict(meter["options"]).items())))
        if key not in self._made:
            self._made[key] = load_target(meter["target"])(**meter["options"])
        return self._made[key]

    def spans(self, meter: Mapping[str, Any] | None, device: str = "cpu") -> Spans:
        """Return what opens windows of a meter around work on that device; None only looks at the clocks."""
        if meter is None:
            return Spans()
        try:
            return Spans(Watch(self.made(meter)), device, nests=bool(meter.get("nests", True)))
        except Exception as error:  # noqa: BLE001 - a meter may fail in any way; that costs the number only
            return Spans(_Broken(error), device)


class Watch:
    """A meter with a guard, whether it has one or not, whose readings say how they were obtained or are none."""

    def __init__(self, meter: Any) -> None:
        self.start, self._stop = meter.start, meter.stop
        self.guard = getattr(meter, "guard", lambda token: token)
        self._period_s = getattr(meter, "period_s", None)

    def stop(self, token: Any) -> Reading:
        """Close the window."""
        reading: Reading = self._stop(token)
        gone = lacking(reading)
        return Reading.missing("J", f"the meter does not say {', '.join(gone)} of its reading") if gone else reading

    def period_s(self) -> float:
        """Return the time between two values, 0 where the meter does not say."""
        return float(self._period_s()) if self._period_s else 0.0


class _Broken:
    """Stands for a meter that could not be made: every window says so."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def start(self) -> Any:
        """Fail as making the meter failed."""
        raise self.error

    def period_s(self) -> float:
        """Fail likewise."""
        raise self.error


class Spans:
    """Opens windows around parts of what a worker does; without a meter it only looks at the clocks."""

    def __init__(self, meter: Any = None, device: str = "cpu", *, nests: bool = True) -> None:
        self._meter, self._device, self._nests = meter, device, nests

    def around(self, work: Callable[[], T], per: str) -> Took[T]:
        """Run work and return what it took; joules of accelerators are not those of work on the processor."""
        took = around(self._meter, work, per=per)
        domains = [str(each) for each in took.energy.facts.get("domains", ())] if took.energy else []
        if domains and on_processor(self._device) and all(each.startswith(ACCELERATORS) for each in domains):
            return Took(took.result, took.seconds, took.cpu_s, Reading.missing("J", CARDS_ONLY))
        return took

    def inner(self) -> Spans:
        """Return the same for a part of the work; a meter that bears no second window at once gives clocks only."""
        return self if self._nests else Spans()

    def period_s(self) -> float:
        """Return the time between two values of the meter, finding it out at the first call; 0 where nothing tells."""
        try:
            return float(self._meter.period_s()) if self._meter is not None else 0.0
        except Exception:  # noqa: BLE001 - the window will say why
            return 0.0
