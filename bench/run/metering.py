"""Metering: which meter a comparison's joules come from, and its windows, one at a time on the whole machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.offer import Offer
from bench.plan import Catalogue
from bench.reading import Reading
from bench.run.settings import Settings
from bench.store import Busy, held
from bench.suite.cell import Step
from bench.wire import Worker

AUTO = "auto"
LEAST_PATIENCE_S, PATIENCE_WINDOWS = 60.0, 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Meter:
    """The meter of a run's windows: what to load with which options, and how many seconds a window lasts.

    `lost` is why it cannot read here: then there are no windows, and every cell says so.
    """

    name: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    lost: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what a worker needs to make it."""
        return {"target": self.target, "options": dict(self.options)}


class Metering:
    """Chooses the meter of each kind of device once a run, and asks workers for windows under the meter's lock."""

    def __init__(self, settings: Settings, catalogue: Catalogue, say: Say) -> None:
        self.settings, self.catalogue, self.say = settings, catalogue, say
        self._chosen: dict[str, Meter | None] = {}

    def of(self, device: str) -> Meter | None:
        """Return the meter for a device; None where a suite leaves the choice open and nothing can read joules."""
        kind = device.partition(":")[0].rstrip("?")
        if kind not in self._chosen:
            self._chosen[kind] = self._choose(kind)
        return self._chosen[kind]

    def window(self, meter: Meter, worker: Worker, core: int | None) -> dict[str, Any]:
        """Return the reading, as JSON, of a window of whole inferences in a worker with an open session."""
        return self._held(meter, worker, "window", seconds=meter.seconds, core=core)

    def watches_idle(self, meter: Meter) -> bool:
        """Whether the idle machine is metered before and after a comparison."""
        return not meter.lost and self.settings.idle_s > 0

    def idle(self, meter: Meter, worker: Worker) -> dict[str, Any]:
        """Return the reading, as JSON, of a window over idleness."""
        return self._held(meter, worker, "idle", seconds=max(self.settings.idle_s, meter.seconds))

    def _choose(self, kind: str) -> Meter | None:
        asked = self.settings.metering
        if asked is None or (asked.name != AUTO and estimates(self.catalogue.one("meter", asked.name))):
            return None
        if asked.name != AUTO:
            found = self._ask(self.catalogue.one("meter", asked.name), asked)
            if found.lost:
                self.say(f"no joules: {found.name}: {found.lost}")
            return found
        serving = (each for each in self.catalogue.of("meter") if each.facts.get("serves") == kind)
        offers = sorted(serving, key=lambda each: int(each.facts.get("order", 0)))
        asked_all = (self._ask(each, Step(each.name)) for each in offers)
        return next((each for each in asked_all if not each.lost), None)

    def _ask(self, offer: Offer, step: Step) -> Meter:
        """Ask a worker of its own: a meter that crashes it costs nothing else."""
        meter = Meter(step.name, offer.target, step.options)
        if missing := self.catalogue.missing(offer):
            return _lost(meter, missing)
        worker = None
        try:
            worker = self.settings.spawn(1, self.settings.memory_bytes)
            asked = {"meters": {step.name: meter.to_json()}}
            reply = worker.request("available", asked, timeout_s=self.settings.timeout_s)
        except BenchError as error:
            return _lost(meter, error.message)
        finally:
            if worker is not None:
                worker.close()
        answer = reply.data["meters"][step.name]
        seconds = self.settings.window_s or float(answer.get("window_s") or 0.0)
        return Meter(step.name, offer.target, step.options, seconds, answer["reason"])

    def _held(self, meter: Meter, worker: Worker, verb: str, **arguments: Any) -> dict[str, Any]:
        if meter.lost:
            return Reading.missing("J", meter.lost).to_json()
        patience_s = max(LEAST_PATIENCE_S, PATIENCE_WINDOWS * meter.seconds)
        try:
            with held(self._lock(meter), patience_s=patience_s, waiting=lambda owner: self._wait(meter, owner)):
                timeout_s = self.settings.timeout_s + float(arguments["seconds"])
                reply = worker.request(verb, {"meter": meter.to_json(), **arguments}, timeout_s=timeout_s)
                return dict(reply.data["reading"])
        except Busy as error:
            return Reading.missing("J", f"meter {error.message}: let one run measure at a time").to_json()
        except BenchError as error:
            return Reading.missing("J", f"the window was lost: {error.message}"[:500]).to_json()

    def _wait(self, meter: Meter, owner: str) -> None:
        self.say(f"waiting for the meter {meter.name}, held by {owner}")

    def _lock(self, meter: Meter) -> Path:
        return self.settings.cache.folder / "locks" / f"{meter.name}.lock"


def estimates(offer: Offer) -> bool:
    """Whether a meter's joules are computed from recorded processor time, so that it needs no windows."""
    return "watts_per_cpu" in offer.facts


def _lost(meter: Meter, reason: str) -> Meter:
    return Meter(meter.name, meter.target, meter.options, 0.0, reason)
