"""Metering: which meter a comparison's joules come from, and its windows, one at a time on the whole machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.machine import on_processor
from bench.offer import Offer
from bench.plan import Catalogue
from bench.reading import Reading
from bench.run.deadline import Deadline
from bench.run.settings import Settings
from bench.store import Busy, held
from bench.suite.cell import Step
from bench.units import format_quantity
from bench.wire import Worker

AUTO, DECLARED = "auto", "declared"
LEAST_PATIENCE_S, PATIENCE_WINDOWS = 60.0, 10.0
# Slowest meters that are used on a step of compression, which lasts for seconds and longer, and on opening a session.
STEP_PERIOD_S, OPENING_PERIOD_S = 1.0, 0.02
GAUGE_WINDOW_S = 600.0
VALUES = 16  # of a counter until a worker knows its period and the ends of the window
Say = Callable[[str], None]


def _silent(text: str) -> None:
    del text


@dataclass(frozen=True)
class Meter:
    """The meter of a run's windows: what to load with which options, and how many seconds a window lasts.

    `lost` is why it cannot read here: then there are no windows, and every cell says so. `period_s` is how often it has
    a new value, None where it does not say; `nests` whether it bears a second window within one; `sees_idle` whether
    the idle machine is another number to it: to declared watts it is not.
    """

    name: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    lost: str | None = None
    period_s: float | None = None
    nests: bool = True
    sees_idle: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return what a worker needs to make it."""
        return {"target": self.target, "options": dict(self.options), "nests": self.nests}


@dataclass(frozen=True)
class Loan:
    """A meter for as long as something runs, as a worker needs it; else why there are no joules (None: none asked)."""

    meter: Mapping[str, Any] | None = None
    reason: str | None = None


class Metering:
    """Chooses the meter of each kind of device once a run, and asks workers for windows under the meter's lock."""

    def __init__(self, settings: Settings, catalogue: Catalogue, say: Say = _silent) -> None:
        self.settings, self.catalogue, self.say = settings, catalogue, say
        self.deadline = Deadline.each(settings.timeout_s)
        self._chosen: dict[str, Meter | None] = {}

    def of(self, device: str) -> Meter | None:
        """Return the meter for a device; None where a suite leaves the choice open and nothing can read joules."""
        kind, _, number = device.rstrip("?").partition(":")
        kind = "cpu" if on_processor(device) else kind
        card = (int(number) if number.isdecimal() else 0) if kind != "cpu" else None
        key = kind if card is None else f"{kind}:{card}"
        if key not in self._chosen:
            self._chosen[key] = self._choose(kind, card)
        return self._chosen[key]

    def expected_window_s(self, device: str) -> float | None:
        """Return how long a window on a device takes, None where there will be none.

        A gauge, which takes minutes to tell how often it moves, is not asked for that.
        """
        asked = self.settings.metering
        gauges = asked is not None and asked.name != AUTO and _is_gauge(self.catalogue.one("meter", asked.name))
        if gauges:
            return self.settings.window_s or GAUGE_WINDOW_S
        meter = self.of(device)
        return None if meter is None or meter.lost else meter.seconds + VALUES * (meter.period_s or 0.0)

    def window(self, meter: Meter, worker: Worker, core: int | None) -> dict[str, Any]:
        """Return the reading, as JSON, of a window of whole inferences in a worker with an open session."""
        return self._held(meter, worker, "window", seconds=meter.seconds, core=core)

    def watches_idle(self, meter: Meter) -> bool:
        """Whether the idle machine is metered before and after a comparison."""
        return not meter.lost and meter.sees_idle and self.settings.idle_s > 0

    def idle(self, meter: Meter, worker: Worker) -> dict[str, Any]:
        """Return the reading, as JSON, of a window over idleness."""
        return self._held(meter, worker, "idle", seconds=max(self.settings.idle_s, meter.seconds))

    @contextmanager
    def for_step(self) -> Iterator[Loan]:
        """Hold the processor's meter while a step of compression runs: steps run there, wherever cells are served."""
        with self._lent(self.of("cpu"), STEP_PERIOD_S) as loan:
            yield loan

    def opens(self, meter: Meter | None) -> bool:
        """Whether a meter is quick enough for the opening of a session."""
        return meter is not None and not meter.lost and not _too_slow(meter, OPENING_PERIOD_S)

    @contextmanager
    def for_opening(self, meter: Meter | None) -> Iterator[Loan]:
        """Hold a meter while a session is opened and warmed up; nobody waits for it, since there are many openings."""
        with self._lent(meter, OPENING_PERIOD_S, patience_s=0.0) as loan:
            yield loan

    @contextmanager
    def _lent(self, meter: Meter | None, slowest_s: float, patience_s: float | None = None) -> Iterator[Loan]:
        why = meter and (meter.lost or _too_slow(meter, slowest_s))
        if meter is None or why:
            yield Loan(reason=why or None)
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(self._hold(meter, patience_s))
                loan = Loan(meter.to_json())
            except Busy as error:
                loan = Loan(reason=_busy(error))
            yield loan

    def _choose(self, kind: str, card: int | None) -> Meter | None:
        asked = self.settings.metering
        if asked is None or (asked.name != AUTO and estimates(self.catalogue.one("meter", asked.name))):
            return None
        if asked.name != AUTO:
            found = self._ask(self.catalogue.one("meter", asked.name), asked, card)
            if found.lost:
                self.say(f"no joules: {found.name}: {found.lost}")
            return found
        serving = (each for each in self.catalogue.of("meter") if each.facts.get("serves") == kind)
        offers = sorted(serving, key=lambda each: int(each.facts.get("order", 0)))
        asked_all = (self._ask(each, Step(each.name), card) for each in offers)
        return next((each for each in asked_all if not each.lost), None)

    def _ask(self, offer: Offer, step: Step, card: int | None) -> Meter:
        """Ask a worker of its own: a meter that crashes it costs nothing else."""
        step = _of_card(step, offer, card)
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
        period_s, nests = answer.get("period_s"), bool(offer.facts.get("nests", True))
        sees_idle = offer.facts.get("kind") != DECLARED
        return Meter(step.name, offer.target, step.options, seconds, answer["reason"], period_s, nests, sees_idle)

    def _held(self, meter: Meter, worker: Worker, verb: str, **arguments: Any) -> dict[str, Any]:
        if meter.lost:
            return Reading.missing("J", meter.lost).to_json()
        try:
            with self._hold(meter):
                timeout_s = self.deadline.left_s() + float(arguments["seconds"])
                reply = worker.request(verb, {"meter": meter.to_json(), **arguments}, timeout_s=timeout_s)
                return dict(reply.data["reading"])
        except Busy as error:
            return Reading.missing("J", _busy(error)).to_json()
        except BenchError as error:
            return Reading.missing("J", f"the window was lost: {error.message}"[:500]).to_json()

    @contextmanager
    def _hold(self, meter: Meter, patience_s: float | None = None) -> Iterator[None]:
        """Hold the meter's lock, which all processes share, waiting as long as suits a window. Raises Busy."""
        if patience_s is None:
            patience_s = max(LEAST_PATIENCE_S, PATIENCE_WINDOWS * meter.seconds)
        lock = self.settings.cache.folder / "locks" / f"{meter.name}.lock"
        told = (lambda owner: self._wait(meter, owner)) if patience_s > 0 else None
        with held(lock, patience_s=patience_s, waiting=told):
            yield

    def _wait(self, meter: Meter, owner: str) -> None:
        self.say(f"waiting for the meter {meter.name}, held by {owner}")


def estimates(offer: Offer) -> bool:
    """Whether a meter's joules are computed from recorded processor time, so that it needs no windows."""
    return "watts_per_cpu" in offer.facts


def _is_gauge(offer: Offer) -> bool:
    return offer.facts.get("kind") == "gauge"


def _of_card(step: Step, offer: Offer, card: int | None) -> Step:
    """Let a meter of cards read the one that a cell runs on, unless the suite chooses: others' joules are not its own.

    `card` among the facts of an offer names the option that takes the number, `chosen_by` those by which a suite
    chooses.
    """
    option = offer.facts.get("card")
    if option is None or card is None or {str(option), *offer.facts.get("chosen_by", ())} & set(step.options):
        return step
    return Step(step.name, {**step.options, str(option): card})


def _lost(meter: Meter, reason: str) -> Meter:
    return Meter(meter.name, meter.target, meter.options, 0.0, reason)


def _too_slow(meter: Meter, slowest_s: float) -> str | None:
    if meter.period_s is None or meter.period_s <= slowest_s:
        return None
    return f"{meter.name} has a new value every {format_quantity(meter.period_s, 's')}: too slow for what is this short"


def _busy(error: Busy) -> str:
    return f"meter {error.message}: let one run measure at a time"
