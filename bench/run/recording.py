"""From sides and launches to records."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.cards import card_of
from bench.derive import Derived, Stop, derive_comparison, derive_quality
from bench.derive.audit import Evidence, audit
from bench.derive.limits import judge_limits
from bench.derive.ratios import exact_ratio, unpaired_ratio
from bench.derive.verdict import ALL, Doubt, judged
from bench.machine import fingerprint, on_processor
from bench.plan import PlannedCell, PlannedComparison
from bench.reading import STRENGTH, VERDICTS, Reading, Verdict
from bench.record import BadRecord, Ratio, Record
from bench.record_checks import check_readings
from bench.run.built import Side, TaskFacts
from bench.run.costing import with_costs
from bench.run.settings import Settings
from bench.run.source import environment_of, runtime_of
from bench.store import Launch, document_of
from bench.suite.cell import Cell

EXACT = ("size", "size_compressed", "size_encoded", "parameters", "nonzero", "flops", "bitops")

BEST = "latency_vs_best"
IN_PROCESS = "measured in one process: nothing keeps the sides apart from one another or from the controller"
UNREADABLE = "what was measured makes no record that could be read again"
UNMEASURED = {"verdict": "invalid", "reasons": ["nothing was measured"]}


class Recorder:
    """Makes the records of one run."""

    def __init__(self, run_id: str, settings: Settings, machine: Mapping[str, Any], reproduce: str) -> None:
        self.run_id, self.settings, self.machine, self.reproduce = run_id, settings, machine, reproduce

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
                batch=cell.batch,
                stop=Stop(self.settings.ci_width, self.settings.min_launches),
                meter=self._estimator(cell.device),
                idle=[each.meta["idle"] for each in launches if "idle" in each.meta],
            )
        records = [self._record(comparison, side, base, derived.get(side.id), usable, task) for side in sides]
        return [self._sound(each) for each in with_costs(records, comparison, usable, self.settings.meter)]

    def _estimator(self, device: str) -> Mapping[str, Any] | None:
        """Return the facts of the estimator from processor time; None for a device whose work it does not see."""
        meter = self.settings.meter
        return meter if on_processor(device) or "accelerators" not in (meter or {}).get("blind_to", ()) else None

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
        derived = self._judged(derived)
        readings = {**counts, "quality": quality, **derived.readings}  # no counter takes the name of what is measured
        ratios = {**derived.ratios, **({} if side is base else self._exact_ratios(counts, counts_of(base), base))}
        return replace(
            blank,
            artifact=side.artifact.digest,
            launches=derived.launches,
            validity=derived.validity,
            readings=readings,
            ratios=ratios,
            limits=judge_limits(self.settings.limits, readings),
            audit=_audit(side, base, counts, ratios.get("latency")),
            versions=self._versions(comparison, side, launches),
        )

    def _judged(self, derived: Derived) -> Derived:
        """Return what was derived with what the settings say of it: how it was measured, and which joules may rank."""
        readings, validity = dict(derived.readings), derived.validity
        if self.settings.in_process:
            readings = judged(readings, [Doubt("invalid", IN_PROCESS, ALL)])
            validity = {"verdict": "invalid", "reasons": [IN_PROCESS, *validity["reasons"]]}
        asked, energy = self.settings.energy, readings.get("energy")
        if asked != "any" and energy is not None and STRENGTH[energy.class_] > STRENGTH[asked]:
            why = f"the suite ranks {asked} joules only, and these are {energy.class_}"
            readings["energy"] = replace(energy, facts={**energy.facts, "not_ranked": why})
        return replace(derived, readings=readings, validity=validity)

    def _exact_ratios(self, mine: Mapping[str, Reading], base: Mapping[str, Reading], side: Side) -> dict[str, Ratio]:
        against = self.record_id(side.planned.cell)
        out = {}
        for name in EXACT:
            ours, theirs = mine.get(name), base.get(name)
            if ours and theirs and ours.value is not None and theirs.value:
                out[name] = exact_ratio(ours.value, theirs.value, against)
        return out

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


def group_of(cell: Cell, task: TaskFacts | None, machine: Mapping[str, Any], *, in_process: bool = False) -> str:
    """Return what may be ranked together; backends share it, since they serve one model on one device.

    What was measured without processes of its own is in a group of its own.
    """
    data = [task.digest, task.reference] if task else ["unprepared"]
    place = [cell.device, cell.scenario, cell.batch, cell.threads]
    parts = [cell.task, *data, fingerprint(dict(machine)), *place, *(["in one process"] if in_process else [])]
    if card := card_of(machine, cell.device):
        parts.append(card)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _as_now(launch: Launch, sides: Sequence[Side]) -> Launch:
    """Return a launch with the samples of those sides only whose artifact is still the one that was measured."""
    digests = {side.id: side.artifact.digest for side in sides if side.artifact is not None}
    measured = launch.meta["artifacts"]
    kept = {
        cell: value for cell, value in launch.samples.items() if cell in digests and measured.get(cell) == digests[cell]
    }
    return Launch(launch.meta, kept)


def with_best(records: Sequence[Record]) -> list[Record]:
    """Return the records that have a ratio to the fastest uncompressed cell of their group, or no longer have one.

    A ratio to a slow baseline flatters: this one is against the best a user could have without compressing. A doubtful
    latency is the best of a group only where no valid one is in it, and an invalid one never is.
    """
    usable = [each for each in records if each.status == "ok" and _latency(each)]
    best: dict[str, Record] = {}
    for each in usable:
        first = each.group not in best or _order(each) < _order(best[each.group])
        if each.cell.is_baseline and _doubt(each) != "invalid" and first:
            best[each.group] = each
    out = []
    for each in records:
        ratio = _against_best(each, best[each.group]) if each in usable and each.group in best else None
        if ratio is not None or BEST in each.ratios:
            others = {name: known for name, known in each.ratios.items() if name != BEST}
            out.append(replace(each, ratios={**others, **({BEST: ratio} if ratio is not None else {})}))
    return out


def _order(record: Record) -> tuple[bool, tuple[float, float, float]]:
    return _doubt(record) != "valid", _latency(record)


def _doubt(record: Record) -> Verdict:
    """Return the worse verdict of a record and of its latency."""
    said = (record.validity.get("verdict"), record.readings["latency"].verdict)
    return max((each for each in VERDICTS if each in said), key=VERDICTS.index, default="invalid")


def _against_best(record: Record, best: Record) -> Ratio | None:
    own = record.ratios.get("latency")
    if record.id == best.id:
        return None
    if own is not None and own.against == best.id:
        return own
    return unpaired_ratio(_latency(record), _latency(best), best.id)


def _latency(record: Record) -> tuple[float, float, float]:
    reading = record.readings.get("latency")
    if reading is None or reading.value is None:
        return ()  # type: ignore[return-value]
    return reading.value, reading.low or 0.0, math.inf if reading.high is None else reading.high


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
