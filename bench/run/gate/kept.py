"""Baselines that were kept: a run's folder, or the file of exact metrics in git."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.derive.rules import EXACT
from bench.errors import BenchError
from bench.gate import snapshot
from bench.gate.facts import CellFacts
from bench.machine import fingerprint
from bench.record import Record
from bench.run.gate.parts import Baseline, Kept, Part
from bench.run.recording import group_of
from bench.store import Cache, RunFolder, read_records


def from_run(folder: Path, parts: Sequence[Part], cache: Cache, machine: Mapping[str, Any]) -> Baseline:
    """Return a kept run as a baseline: its records and outcomes, and its artifacts as far as the cache has them.

    Raises BadRecord for a damaged record: what is gated against must be whole.
    """
    run = RunFolder(folder)
    by_id = {each.side.planned.cell.id: each for each in parts}
    cells: dict[str, Kept] = {}
    for record in read_records(run.records_path, strict=True):
        part = by_id.get(record.cell.id)
        facts = facts_of(record, run, part)
        artifact = cache.find(facts.artifact, facts.format) if facts.ok else None
        cells[record.cell.id] = Kept(facts, artifact, "" if artifact else _lost(facts, machine))
    if not cells:
        raise BenchError(f"{folder} holds no records to gate against")
    return Baseline(str(folder), cells, tuple(_notes(cells.values(), parts, machine)))


def from_file(path: Path, parts: Sequence[Part], cache: Cache, machine: Mapping[str, Any], suite: str) -> Baseline:
    """Return a baseline file; its artifacts are measured again only where the cache still has them."""
    name, found = read_file(path)
    cells: dict[str, Kept] = {}
    for cell, facts in found.items():
        artifact = cache.find(facts.artifact, facts.format)
        cells[cell] = Kept(facts, artifact, "" if artifact else _lost(facts, machine))
    notes = _notes(cells.values(), parts, machine)
    other = [f"{path} was written for the suite '{name}'"] if name != suite else []
    return Baseline(str(path), cells, (*other, *notes))


def read_file(path: Path) -> tuple[str, dict[str, CellFacts]]:
    """Return the suite's name and the cells of a baseline file. Raises BenchError for what is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot read {path}: {error}") from error
    return snapshot.from_text(text, str(path))


def facts_of(record: Record, run: RunFolder, part: Part | None) -> CellFacts:
    """Return what a run kept of a cell; `part` is the same cell as it is planned now, None where it no longer is."""
    kind = fingerprint(dict(record.machine))
    blank = CellFacts(record.cell.id, str(record.cell), record.status, record.reason, machine=kind)
    if record.status != "ok" or not record.artifact:
        return blank
    outcomes = _outcomes(run.path / "samples" / f"{record.cell.id}.npz")
    made = [str(each["to"]) for each in record.lineage if each.get("to")]
    return CellFacts(
        blank.id,
        blank.name,
        artifact=record.artifact,
        format=made[-1] if made else part.facts.format if part else "",
        counts={name: record.readings[name] for name in EXACT if name in record.readings},
        metric=_metric(record),
        outcomes=outcomes,
        task=_task(record, part),
        runtime=str(record.versions.get("runtime_id", "")),
        outputs=_outputs(run, record),
        machine=kind,
    )


def _metric(record: Record) -> dict[str, Any]:
    quality = record.readings.get("quality")
    if quality is None:
        return {}
    higher = bool(quality.facts.get("higher_is_better", True))
    return {"name": str(quality.facts.get("metric", "")), "unit": quality.unit, "higher_is_better": higher}


def _task(record: Record, part: Part | None) -> str:
    """Return the candidate's id of the task's data where the record's group says that it was the same."""
    if part is None or part.task is None:
        return record.group
    same = group_of(part.side.planned.cell, part.task, record.machine) == record.group
    return part.facts.task if same else record.group


def _outputs(run: RunFolder, record: Record) -> tuple[str, ...]:
    """Return the digests of what the record's artifact gave when it was measured."""
    found: set[str] = set()
    for launch in run.journal.read(record.cell.comparison):
        if launch.meta.get("artifacts", {}).get(record.cell.id) == record.artifact:
            found |= set(launch.meta.get("outputs", {}).get(record.cell.id, ()))
    return tuple(sorted(found))


def _outcomes(path: Path) -> Any:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            found = snapshot.rounded(archive["outcomes"])
            return found if found.ndim == 1 and np.isfinite(found).all() else None
    except Exception:  # noqa: BLE001 - damaged bytes make numpy, zipfile and zlib raise a dozen kinds; all mean unknown
        return None


def _lost(facts: CellFacts, machine: Mapping[str, Any]) -> str:
    elsewhere = "it was measured on another machine, and " if facts.machine != fingerprint(dict(machine)) else ""
    said = f"{elsewhere}its artifact is not in this cache: what takes time compares only side by side"
    return f"{said}; gate against a git revision, or keep the cache"


def _notes(kept: Any, parts: Sequence[Part], machine: Mapping[str, Any]) -> list[str]:
    """Say where the baseline stood: another machine, another runtime."""
    ok = [each for each in kept if each.facts.ok]
    runtimes = {each.facts.id: each.facts.runtime for each in parts}
    notes = []
    if any(each.artifact and each.facts.machine != fingerprint(dict(machine)) for each in ok):
        notes.append("the baseline was made on another machine; its artifacts are measured again on this one")
    if any(each.artifact and runtimes.get(each.facts.id, each.facts.runtime) != each.facts.runtime for each in ok):
        notes.append("the runtime or its code is another than the baseline's: both sides are measured on this one")
    return notes


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a kept run."""
    return path.is_dir() and (path / "records.jsonl").is_file()
