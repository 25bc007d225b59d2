"""From sides and launches to records."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.derive import Derived, derive_comparison, derive_quality
from bench.derive.audit import Evidence, audit
from bench.derive.evidence import evidence_of
from bench.derive.group import group_id
from bench.derive.limits import judge_limits
from bench.derive.rules import Rules, exact_ratios
from bench.plan import PlannedCell, PlannedComparison
from bench.reading import Reading
from bench.record import BadRecord, Ratio, Record
from bench.record_checks import check_readings
from bench.run.built import Side, TaskFacts
from bench.run.costing import with_costs
from bench.run.settings import Settings
from bench.run.source import environment_of, runtime_of
from bench.store import Launch, document_of
from bench.suite.cell import Cell

UNREADABLE = "what was measured makes no record that could be read again"
UNMEASURED = {"verdict": "invalid", "reasons": ["nothing was measured"]}


class Recorder:
    """Makes the records of one run."""

    def __init__(self, run_id: str, settings: Settings, machine: Mapping[str, Any], reproduce: str) -> None:
        self.run_id, self.settings, self.machine, self.reproduce = run_id, settings, machine, reproduce
        self.rules = rules_of(settings)

    def record_id(self, cell: Cell) -> str:
        """Return the id of a cell's record in this run; stable when the run is resumed."""
        return hashlib.sha256(f"{self.run_id}/{cell.id}".encode()).hexdigest()[:12]

    def unsupported(self, planned: PlannedCell) -> Record:
        """Return the record of a cell that has no route here."""
        return replace(self._blank(planned.cell), status="unsupported", reason=planned.reason, validity=UNMEASURED)

    def records(
        self, comparison: PlannedComparison, sides: Sequence[Side], launches: Sequence[Launch], task: TaskFacts | None
    ) -> list[Record]:
        """Return a record for every side, the baseline first."""
        base = sides[0]
        usable = [each for launch in launches if base.id in (each := _as_now(launch, sides)).samples]
        derived: Mapping[str, Derived] = {}
        if task is not None and base.alive:
            cell = base.planned.cell
            derived = derive_comparison(
                usable,
                base.id,
                self.record_id(cell),
                threads=cell.threads,
                batch=cell.query_samples,
                scenario=cell,
                stop=self.rules.stop,
                meter=self.rules.estimator(cell.device),
                idle=[each.meta["idle"] for each in launches if "idle" in each.meta],
            )
        records = [self._record(comparison, side, base, derived.get(side.id), usable, task) for side in sides]
        idle = [each for each in launches if "idle" in each.meta]
        records = [self._proven(*each, base, usable, idle, task) for each in zip(records, sides, strict=True)]
        return [self._sound(each) for each in with_costs(records, comparison, usable, self.settings.meter)]

    def _proven(
        self,
        record: Record,
        side: Side,
        base: Side,
        launches: Sequence[Launch],
        idle: Sequence[Launch],
        task: TaskFacts | None,
    ) -> Record:
        """Return a record that is ok with what its numbers can be derived from again."""
        if record.status != "ok" or task is None:
            return record
        facts = {"data": task.digest, "reference": task.reference, "metric": dict(task.metric)}
        found = evidence_of(launches, idle, side.id, base.id, side.outcomes, facts, self.rules)
        return replace(record, evidence=found)

    def _sound(self, record: Record) -> Record:
        """Return the record, or the failure in its place when a reader would refuse it: a plugin's odd number, say."""
        try:
            Record.from_json(document_of(record))
        except BadRecord as error:
            blank = replace(self._blank(record.cell), group=record.group)
            return replace(blank, status="failed", reason=f"{UNREADABLE}: {error.message}", validity=UNMEASURED)
        return record

    def _record(
        self,
        comparison: PlannedComparison,
        side: Side,
        base: Side,
        derived: Derived | None,
        launches: Sequence[Launch],
        task: TaskFacts | None,
    ) -> Record:
        blank = replace(self._blank(side.planned.cell), group=self._group(side.planned.cell, task))
        blank = replace(blank, steps=_steps(side), lineage=_lineage(side))
        if side.failure is not None or derived is None or task is None or side.artifact is None:
            failure = side.failure
            status, reason = (failure.status, failure.reason) if failure else ("failed", "no launch was completed")
            detail = failure.detail if failure else None
            return replace(blank, status=status, reason=reason, detail=detail, validity=UNMEASURED)  # type: ignore[arg-type]
        counts = counts_of(side)
        try:
            quality = derive_quality(task.metric, side.outcomes, None if side is base else base.outcomes)
        except ValueError as error:
            return replace(blank, status="failed", reason=f"evaluating quality: {error}", validity=UNMEASURED)
        derived = self.rules.settle(derived)
        readings = {**counts, "quality": quality, **derived.readings}  # no counter takes the name of what is measured
        ratios = {
            **derived.ratios,
            **({} if side is base else exact_ratios(counts, counts_of(base), self.record_id(base.planned.cell))),
        }
        return replace(
            blank,
            artifact=side.artifact.digest,
            launches=derived.launches,
            validity=derived.validity,
            readings=readings,
            ratios=ratios,
            limits=judge_limits(self.settings.limits, readings),
            audit=_audit(side, base, counts, ratios.get("service", ratios.get("latency"))),
            versions=self._versions(comparison, side, launches),
        )

    def _blank(self, cell: Cell) -> Record:
        return Record(
            id=self.record_id(cell),
            status="ok",
            cell=cell,
            run=self.run_id,
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            machine=self.machine,
            reproduce=f"{self.reproduce} --only id={cell.id}",
        )

    def _group(self, cell: Cell, task: TaskFacts | None) -> str:
        return group_of(cell, task, self.machine, in_process=self.settings.in_process)

    def _versions(self, comparison: PlannedComparison, side: Side, launches: Sequence[Launch]) -> dict[str, Any]:
        from bench import __version__

        measured = [each for each in launches if side.id in each.samples]
        facts = measured[0].meta["headers"][side.id]["facts"] if measured else {}
        owners = {each.name: each.version for each in (comparison.task, comparison.backend)}
        environment = environment_of(comparison.backend)
        return {
            "joulebench": __version__,
            "python": self.machine.get("python"),
            "plugins": owners,
            "runtime": facts,
            "runtime_id": runtime_of(comparison.backend),
            **({"environment": environment} if environment else {}),
        }


def rules_of(settings: Settings) -> Rules:
    """Return the settings that numbers depend on."""
    return Rules(
        settings.ci_width,
        settings.min_launches,
        settings.limits,
        settings.meter,
        settings.energy,
        settings.in_process,
    )


def group_of(cell: Cell, task: TaskFacts | None, machine: Mapping[str, Any], *, in_process: bool = False) -> str:
    """Return what may be ranked together: see `bench.derive.group`."""
    data = [task.digest, task.reference] if task else ["unprepared"]
    return group_id(cell, data, machine, in_process=in_process)


def _as_now(launch: Launch, sides: Sequence[Side]) -> Launch:
    """Return a launch with the samples of those sides only whose artifact is still the one that was measured."""
    digests = {side.id: side.artifact.digest for side in sides if side.artifact is not None}
    measured = launch.meta["artifacts"]
    kept = {
        cell: value for cell, value in launch.samples.items() if cell in digests and measured.get(cell) == digests[cell]
    }
    queries = {cell: each for cell, each in launch.queries.items() if cell in kept}
    return replace(launch, samples=kept, queries=queries)


def _audit(side: Side, base: Side, counts: Mapping[str, Reading], latency: Ratio | None) -> dict[str, Any]:
    """Judge what a side's recipe did; a recipe of no steps claims nothing."""
    mine = _evidence(side, counts)
    if side is base or not side.planned.cell.recipe:
        return audit(mine, None)
    return audit(mine, _evidence(base, counts_of(base)), latency)


def _evidence(side: Side, counts: Mapping[str, Reading]) -> Evidence:
    assert side.artifact is not None
    return Evidence(side.artifact.digest, counts, side.executed, side.artifact.lineage)


def counts_of(side: Side) -> dict[str, Reading]:
    """Return what is counted of a built side: its counters' readings, and its size on disk and after zstd."""
    assert side.artifact is not None
    found = {name: _counted(name, each) for name, each in side.counts["readings"].items()}
    size = Reading.counted(side.artifact.size_bytes, "B")
    compressed: Any = side.counts["size_compressed"]
    return {
        **found,
        "size": size,
        "size_compressed": Reading.counted(float(compressed), "B", method="zstd-10"),
    }


def _counted(name: str, data: Any) -> Reading:
    """Return a counter's reading; what a worker or a cache handed over in another shape is a missing number."""
    try:
        check_readings({name: data})
        return Reading.from_json(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Reading.missing("1", f"the counter's reading cannot be read: {error}"[:500])


def _lineage(side: Side) -> tuple[Mapping[str, Any], ...]:
    """Return what made a side's artifact, or what was done until it failed, as far as that is known."""
    if side.artifact is not None:
        return tuple(side.artifact.lineage)
    return side.failure.lineage if side.failure is not None else ()


def _steps(side: Side) -> tuple[Mapping[str, Any], ...]:
    route = side.planned.route
    taken = [each for each in route.operations if each.kind == "compress"] if route else []
    return tuple({"plugin": each.offer.plugin, "version": each.offer.version} for each in taken)
