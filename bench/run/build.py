"""Building: a task's data once, and each cell's artifact through its route, cached by what it was made from."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.artifact import Artifact
from bench.derive import compressed_bytes
from bench.envs import serving
from bench.errors import BenchError, ConversionError, WorkerError
from bench.machine import traits_of
from bench.offer import Offer
from bench.plan import Catalogue, Operation, Plan, PlannedCell, PlannedComparison, Route
from bench.reading import Reading
from bench.run.built import Side, TaskFacts
from bench.run.conversions import Conversions, Point
from bench.run.deadline import Deadline
from bench.run.elsewhere import Asking
from bench.run.ledger import Ledger
from bench.run.metering import Loan, Metering
from bench.run.settings import Settings
from bench.run.siblings import MODULE, Siblings
from bench.run.source import code_of
from bench.run.spawning import home_of, is_own, settings_for
from bench.store.cache import digests, key_of
from bench.store.scratch import scratch_folder
from bench.wire import Worker

NOTHING = Plan(())


class _LostAside(Exception):
    """A conversion for another route took the worker or the module with it: build again without it."""


class Builder:
    """Builds what a comparison needs. Nothing here loads a plugin: workers do."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, ledger: Ledger, metering: Metering, plan: Plan = NOTHING
    ) -> None:
        self.settings, self.catalogue, self.ledger, self.metering = settings, catalogue, ledger, metering
        self.deadline = Deadline.each(settings.timeout_s)
        self.checks = Conversions(settings, catalogue, ledger, lambda: self.deadline)
        self.siblings = Siblings(plan, self._keys)

    def task(self, comparison: PlannedComparison) -> TaskFacts:
        """Prepare the task's data, once for each version of its code."""
        cell, route = comparison.cells[0].cell, comparison.runnable[0].route
        assert route is not None
        made_from = [code_of(comparison.task), comparison.task.facts.get("arguments"), self.settings.seed, cell.batch]
        key = key_of(["task", *made_from])
        return self._known_task(key, cell.batch) or self._prepare_task(comparison.task, cell.batch, key)

    def _known_task(self, key: str, batch: int) -> TaskFacts | None:
        """Return what was prepared under a key, as long as its files are still those that were written."""
        known = self.settings.cache.recall(key)
        if known is None or set(known) != set(TaskFacts.__dataclass_fields__):
            return None
        facts = TaskFacts(**known)
        folder = Path(facts.folder)
        return facts if _stands(folder, batch) and digests(folder) == facts.files else None

    def _prepare_task(self, task: Offer, batch: int, key: str) -> TaskFacts:
        """Write the task's data; its reference is always the first format's, so that every suite finds one group."""
        folder = self.settings.cache.folder / "data" / key[:16]
        with self.ledger.phase("prepare"), self.worker(task=task) as worker, self.scratch() as scratch:
            metric = self._start(worker, task, task.produces[0], scratch)["metric"]
            partial = scratch / "data"
            facts = self.ask(worker, "data", folder=str(partial), batches=[batch])
            if other := self._known_task(key, batch):  # another run was first: the same key, the same data
                return other
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(partial, folder)
        made = {"folder": str(folder), "metric": metric, **facts, "files": digests(folder)}
        self.settings.cache.remember(key, made)
        return TaskFacts(**made)

    def build(self, side: Side, task: Offer) -> None:
        """Give a side its artifact and its counts; raises what the worker raised.

        It may take half of what is left of the comparison's time: others wait.
        """
        whole, self.deadline = self.deadline, self.deadline.half()
        try:
            self._build(side, task)
        finally:
            self.deadline = whole

    def _build(self, side: Side, task: Offer) -> None:
        route = side.planned.route
        assert route is not None
        keys = self._keys(task, route)
        points = [i for i, each in enumerate(keys) if _format_at(route, i) != MODULE]
        while side.artifact is None:
            done = next((i for i in reversed(points) if self._built(keys[i])), None)
            with contextlib.suppress(_LostAside), self.worker(task=task) as worker, self.scratch() as scratch:
                facts = self._continue(worker, task, route, keys, done, scratch)
                side.artifact = Artifact.from_json(facts["artifact"])
                with self.worker() as here:
                    side.counts = self._counts(here if _is_away(task) else worker, side.artifact)

    def _built(self, key: str) -> dict[str, Any] | None:
        """Return what is kept of the artifact at a point of a route; None where there is none."""
        facts = self.settings.cache.recall(key)
        return facts if facts and "artifact" in facts else None

    def _continue(
        self, worker: Worker, task: Offer, route: Route, keys: list[str], done: int | None, scratch: Path
    ) -> dict[str, Any]:
        """Go on from the last cached point (None: from the task), caching every file on the way."""
        facts = self._built(keys[done]) if done is not None else None
        if done == len(keys) - 1 and facts is not None:
            return facts
        with self.ledger.phase("prepare"):
            if facts is None:
                begun = self._start(worker, task, route.start, scratch)
            else:
                begun = self._prepare(worker, task, route.start, scratch, facts["artifact"])
        lineage: list[dict[str, Any]] = list(facts["artifact"]["lineage"]) if facts else []
        if done is None and begun["artifact"]:
            facts = self._keep(keys[0], begun["artifact"], lineage)
        for index in range((done or 0) + 1, len(keys)):
            point = self.checks.at(worker, task, _format_at(route, index - 1), facts["artifact"] if facts else None)
            if _format_at(route, index - 1) == MODULE:
                self._convert_aside(point, keys[index - 1 : index + 1], lineage, scratch)
            operation, workdir = route.operations[index - 1], scratch / f"{index:02d}"
            apart = serving(operation.offer) is not None or _is_away(task)
            if not apart:
                operate = partial(self._operate, worker, operation, workdir)
            else:
                assert facts is not None
                operate = partial(self._operate_elsewhere, worker, operation, workdir, facts["artifact"])
            reply, entry = self.checks.around(point, operation, lineage, operate)
            lineage.append(entry)
            if reply["artifact"]:
                facts = self._keep(keys[index], reply["artifact"], lineage)
            if apart and index < len(keys) - 1:
                self._prepare(worker, task, route.start, scratch / f"{index:02d}-on", reply["artifact"])
        assert facts is not None
        return facts

    def _start(self, worker: Worker, task: Offer, start: str, scratch: Path) -> Mapping[str, Any]:
        """Load the task with its reference model, which a task with an environment makes there, once."""
        if serving(task) is None or is_own(task):
            return self._prepare(worker, task, start, scratch)
        key = self._start_key(task, start)
        kept = self._built(key)
        if kept is None:
            away = LazyWorker(settings_for(task, self.settings), 1)
            try:
                made = self._prepare(away, task, start, scratch / "reference")["artifact"]
                kept = self._keep(key, made, [])
            finally:
                away.close()
        return self._prepare(worker, task, start, scratch, kept["artifact"])

    def _operate_elsewhere(
        self, home: Worker, operation: Operation, workdir: Path, artifact: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Apply a step to a file in the step's own environment; `home` has the task and gives what it asks for."""
        away = LazyWorker(settings_for(operation.offer, self.settings), 1)
        asking = Asking(away, home, workdir.with_name(f"{workdir.name}-given"))
        try:
            known = {"artifact": {**artifact, "lineage": []}, "seed": self.settings.seed}
            return self._operate(asking, operation, workdir, **known)
        finally:
            away.close()

    def _convert_aside(self, point: Point, keys: list[str], lineage: list[dict[str, Any]], scratch: Path) -> None:
        """Convert the module at the first key for the plan's other routes; a failure is theirs, and met there."""
        here, ours = keys
        for key, operation in list(self.siblings.at(here).items()):
            if key != ours and self._built(key) is None:
                try:
                    workdir = scratch / f"aside-{key[:16]}"
                    operate = partial(self._operate, point.worker, operation, workdir, aside=True)
                    reply, entry = self.checks.around(point, operation, lineage, operate)
                    self._keep(key, reply["artifact"], [*lineage, entry])
                except BenchError as error:
                    self.siblings.forget(here, key)
                    lost = isinstance(error, WorkerError) and error.traceback is None
                    if lost or isinstance(error, ConversionError):  # which may have changed the module itself
                        raise _LostAside from error

    def _operate(
        self, worker: Worker, operation: Operation, workdir: Path, **more: Any
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        with self.metering.for_step() as loan:
            reply = self._timed(worker, operation, workdir, loan, **more)
        if loan.reason:
            reply = {**reply, "energy": Reading.missing("J", loan.reason).to_json()}
        return reply, _entry(operation, reply)

    def _timed(self, worker: Worker, operation: Operation, workdir: Path, loan: Loan, **more: Any) -> Mapping[str, Any]:
        began, trained = time.perf_counter(), 0.0
        try:
            reply = self.ask(
                worker,
                operation.kind,
                target=operation.offer.target,
                options=dict(operation.options),
                produces=operation.produces,
                workdir=str(workdir),
                meter=loan.meter,
                **more,
            )
            trained = float(reply["train_s"])
        finally:
            self.ledger.add("train", trained)
            self.ledger.add(operation.kind, max(time.perf_counter() - began - trained, 0.0))
        return reply

    def _keep(self, key: str, artifact: Mapping[str, Any], lineage: list[dict[str, Any]]) -> dict[str, Any]:
        kept = self.settings.cache.put(Artifact.from_json({**artifact, "lineage": lineage}))
        facts = {"artifact": kept.to_json()}
        self.settings.cache.remember(key, facts)
        return facts

    def _counts(self, worker: Worker, artifact: Artifact) -> Mapping[str, Any]:
        offers = [each for each in self.catalogue.of("counter") if artifact.format in each.accepts]
        usable = {each.name: each for each in offers if self.catalogue.missing(each) is None}
        key = key_of(["counts", artifact.digest, [code_of(each) for each in usable.values()]])
        known = self.settings.cache.recall(key)
        if known is None or not _are_counts(known):
            with self.ledger.phase("count"):
                readings = self._counted(worker, usable, artifact)
                known = {"readings": readings, "size_compressed": compressed_bytes(artifact.path)}
            self.settings.cache.remember(key, known)
        return known

    def _counted(self, here: Worker, usable: Mapping[str, Offer], artifact: Artifact) -> dict[str, Any]:
        """Return readings by name, each counter's taken where it works; a worker that is lost costs its own."""
        readings: dict[str, Any] = {}
        for offers in _by_place(usable):
            first = next(iter(offers.values()))
            targets, subject = {name: each.target for name, each in offers.items()}, artifact.to_json()
            if serving(first) is None:
                readings |= self.ask(here, "count", counters=targets, artifact=subject)["readings"]
                continue
            try:
                away = LazyWorker(settings_for(first, self.settings), 1)
                with contextlib.closing(away):
                    readings |= self.ask(away, "count", counters=targets, artifact=subject)["readings"]
            except BenchError as error:
                readings |= {name: Reading.missing("1", error.message[:500]).to_json() for name in offers}
        return readings

    def origin(self, comparison: PlannedComparison, cell: PlannedCell) -> str:
        """Return what a cell's numbers come from: a digest of its artifact's making and of the backend's code."""
        assert cell.route is not None
        return key_of([self._keys(comparison.task, cell.route)[-1], code_of(comparison.backend)])

    def _keys(self, task: Offer, route: Route) -> list[str]:
        """Return one key a point of the route: what everything up to there was made from."""
        keys = [self._start_key(task, route.start)]
        for each in route.operations:
            traits = traits_of(each.offer.facts.get("machine", ()))
            made_from = [keys[-1], code_of(each.offer), each.produces, each.options, *self.checks.identity(each)]
            keys.append(key_of([*made_from, traits] if traits else made_from))
        return keys

    def _start_key(self, task: Offer, start: str) -> str:
        return key_of(["start", code_of(task), task.facts.get("arguments"), start, self.settings.seed])

    def _prepare(
        self, worker: Worker, task: Offer, start: str | None, scratch: Path, artifact: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Load the task in the worker; an offer made on the spot for one model carries its constructor's arguments."""
        common = {
            "target": task.target,
            "options": task.facts.get("arguments", {}),
            "folder": str(scratch),
            "seed": self.settings.seed,
        }
        return self.ask(worker, "prepare", format=start, artifact=artifact, **common)

    def ask(self, worker: Worker, verb: str, within: Deadline | None = None, **arguments: Any) -> Mapping[str, Any]:
        """Ask a worker, `within` a deadline other than the comparison's; returns the reply's data."""
        return worker.request(verb, arguments, timeout_s=(within or self.deadline).left_s()).data

    @contextmanager
    def worker(self, threads: int | None = None, task: Offer | None = None) -> Iterator[Worker]:
        """Give a worker that ends with the block, where a task can be held if one is named."""
        worker = LazyWorker(home_of(task, self.settings) if task else self.settings, threads or 1)
        try:
            yield worker
        finally:
            worker.close()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder that goes with the block."""
        with scratch_folder(self.settings.cache.folder / "work") as folder:
            yield folder


class LazyWorker:
    """A worker started at its first request, so that what the cache answers starts nothing."""

    def __init__(self, settings: Settings, threads: int) -> None:
        self._settings, self._threads = settings, threads
        self._worker: Worker | None = None

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = self._settings.spawn(self._threads, self._settings.memory_bytes)
        return self._worker

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Any:
        """Ask, starting the worker first if need be."""
        return self._started().request(verb, arguments, timeout_s=timeout_s)

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Send a request without waiting."""
        self._started().begin(verb, arguments)

    def finish(self, *, timeout_s: float) -> Any:
        """Wait for what was begun."""
        return self._started().finish(timeout_s=timeout_s)

    def close(self) -> None:
        """End the worker if it was started."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def _entry(operation: Operation, reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the lineage keeps of a step: what it was, where it ran, what it took and what it said.

    Lineages cached before processor time was kept lack `cpu_s`, `train_cpu_s` and `train_samples`: unknown, not 0.
    `energy` and `train_energy` stand where a meter was to be read. `data` is what the step saw of the task's data.
    """
    trained = reply["train_samples"] if reply["train_s"] else None
    return {
        "step": operation.offer.name,
        "kind": operation.kind,
        "from": operation.source,
        "to": operation.produces,
        "options": dict(operation.options),
        "plugin": operation.offer.plugin,
        "version": operation.offer.version,
        **{name: round(float(reply[name]), 6) for name in ("seconds", "cpu_s", "train_s", "train_cpu_s")},
        **({"train_samples": trained} if trained is not None else {}),
        **{name: reply[name] for name in ("energy", "train_energy", "data") if name in reply},
        **{name: reply[name] for name in ("device", "processor", "facts", "log")},
    }


def _by_place(offers: Mapping[str, Offer]) -> list[dict[str, Offer]]:
    """Return offers by name in groups, one for each environment that they work in."""
    groups: dict[str | None, dict[str, Offer]] = {}
    for name, each in offers.items():
        found = serving(each)
        groups.setdefault(found.id if found else None, {})[name] = each
    return list(groups.values())


def _are_counts(facts: Mapping[str, Any]) -> bool:
    """Whether cached facts are readings by name and a size."""
    readings, size = facts.get("readings"), facts.get("size_compressed")
    sized = isinstance(size, (int, float)) and not isinstance(size, bool) and 0 <= size < math.inf
    return sized and isinstance(readings, dict) and all(_is_reading(each) for each in readings.values())


def _is_reading(value: Any) -> bool:
    try:
        Reading.from_json(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
    return True


def _stands(folder: Path, batch: int) -> bool:
    """Whether a task's prepared data is there."""
    return all((folder / name).is_file() for name in ("evaluation.npz", f"example-{batch}.npz"))


def _is_away(task: Offer) -> bool:
    """Whether a task is held in another environment: steps that work here are then given data as those elsewhere."""
    return is_own(task) and serving(task) is not None


def _format_at(route: Route, index: int) -> str:
    return route.start if index == 0 else route.operations[index - 1].produces
