"""Candidates that were kept: the records of a run in the place of a suite built anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.gate.facts import CellFacts
from bench.machine import fingerprint
from bench.plan import Plan, PlannedComparison
from bench.record import Record
from bench.run.build import Builder
from bench.run.built import Side, TaskFacts
from bench.run.gate.building import task_key
from bench.run.gate.kept import facts_of
from bench.run.gate.parts import Part
from bench.run.source import runtime_of
from bench.store import RunFolder, read_records


def kept_parts(folder: Path, plan: Plan, builder: Builder, machine: Mapping[str, Any]) -> list[Part]:
    """Return the cells of a plan as a run's records have them; nothing is built.

    What takes time is measured again where the artifact is still in the cache and the runtime and the kind of machine
    are those of the run: a stored latency is never compared with another. Raises BadRecord for a damaged record.
    """
    run = RunFolder(folder)
    records = {each.cell.id: each for each in read_records(run.records_path, strict=True)}
    return [part for each in plan.comparisons for part in _comparison(each, run, records, builder, machine)]


def _comparison(
    comparison: PlannedComparison,
    run: RunFolder,
    records: Mapping[str, Record],
    builder: Builder,
    machine: Mapping[str, Any],
) -> Iterator[Part]:
    task = _task(comparison, builder)
    for planned in comparison.cells:
        record = records.get(planned.cell.id)
        blank = CellFacts(planned.cell.id, str(planned.cell), "failed", "the run holds no record of it")
        part = Part(comparison, Side(planned), task, blank, readings={})
        yield part if record is None else _part(part, record, run, builder, machine)


def _task(comparison: PlannedComparison, builder: Builder) -> TaskFacts | None:
    """Return the task's prepared data: which outcomes pair is known by it, and launches need its inputs."""
    try:
        return builder.task(comparison) if comparison.runnable else None
    except BenchError:
        return None


def _part(part: Part, record: Record, run: RunFolder, builder: Builder, machine: Mapping[str, Any]) -> Part:
    task = replace(part.facts, task=task_key(part.task)) if part.task is not None else part.facts
    facts = facts_of(record, run, replace(part, facts=task))
    lost = _lost(part, facts, machine) if facts.ok else ""
    artifact = builder.settings.cache.find(facts.artifact, facts.format) if facts.ok and not lost else None
    side = replace(part.side, artifact=artifact, outcomes=facts.outcomes)
    lost = lost or ("" if artifact else "the run's artifact is not in this cache")
    return replace(part, side=side, facts=facts, readings=dict(record.readings), lost=lost)


def _lost(part: Part, facts: CellFacts, machine: Mapping[str, Any]) -> str:
    """Return why a record's artifact is not measured again here, empty where it may be."""
    if facts.machine != fingerprint(dict(machine)):
        return "the run is of another kind of machine: what takes time compares only side by side"
    if part.task is None:
        return "the task's data cannot be prepared here"
    if facts.runtime != runtime_of(part.comparison.backend):
        return "the runtime or its code is another than the run's, which a kept run cannot bring back"
    return ""
