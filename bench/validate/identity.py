"""Whose record it is: this run's, this machine's, of this group, made by these versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from bench.derive.group import group_id
from bench.machine import fingerprint
from bench.record import Record
from bench.validate.finding import Finding, of, short
from bench.validate.submission import Submission

SHARED = ("joulebench", "python", "runtime_id")  # of a candidate and its baseline
FRESH = ("latency", "memory", "startup", "energy")


def identity(record: Record, submission: Submission) -> Iterator[Finding]:
    """Yield a finding for everything that says a record is another run's or another machine's."""
    yield from _of_this_run(record, submission)
    yield from _of_this_machine(record, submission)
    if record.status == "ok" and record.evidence:
        yield from _grouped(record)
        yield from _beside_its_baseline(record, submission)


def record_id(run: str, cell: str) -> str:
    """Return the id of a cell's record in a run."""
    return hashlib.sha256(f"{run}/{cell}".encode()).hexdigest()[:12]


def _of_this_run(record: Record, submission: Submission) -> Iterator[Finding]:
    if record.run != submission.run:
        yield of(record, "identity", f"a record of the run {submission.run}", f"one of {short(record.run)}")
    elif record.id != (owed := record_id(record.run, record.cell.id)):
        yield of(record, "identity", f"the id {owed} of this cell in this run", record.id)


def _of_this_machine(record: Record, submission: Submission) -> Iterator[Finding]:
    own = fingerprint(dict(submission.facts.get("machine") or {}))
    mine = fingerprint(dict(record.machine))
    if mine != own:
        theirs = short(record.machine.get("processor"))
        yield of(record, "machine", f"the machine of run.json ({own})", f"another ({mine}, {theirs})")
    for name in record.evidence.get("launches", {}):
        launch = submission.journal_of(record.cell).get(name)
        made = launch.meta.get("machine") if launch else mine
        if made != mine:
            yield of(record, "machine", f"launch {name} of its own machine ({mine})", f"one of {short(made)}")


def _grouped(record: Record) -> Iterator[Finding]:
    said = record.evidence
    in_process = bool(said["settings"].get("in_process"))
    data = [str(said["data"]), str(said["reference"])]
    owed = group_id(record.cell, data, record.machine, in_process=in_process)
    if record.group != owed:
        yield of(record, "identity", f"the group {owed} of its task, data and machine", short(record.group))
    if in_process:
        yield of(record, "validity", "numbers measured in processes of their own", "a run --in-process")


def _beside_its_baseline(record: Record, submission: Submission) -> Iterator[Finding]:
    base = submission.base_of(record)
    if base is None or base.status != "ok":
        yield of(
            record, "completeness", f"the record of its baseline, cell {record.cell.comparison}", "none that is ok"
        )
        return
    for name in SHARED:
        if record.versions.get(name) != base.versions.get(name):
            mine, theirs = short(record.versions.get(name)), short(base.versions.get(name))
            yield of(record, "versions", f"{name} {theirs}, as of its baseline", mine)
    if record.versions.get("python") != record.machine.get("python"):
        yield of(record, "versions", f"Python {record.machine.get('python')}", short(record.versions.get("python")))
    for name in ("data", "reference", "metric"):
        if record.evidence.get(name) != base.evidence.get(name):
            mine, theirs = short(record.evidence.get(name)), short(base.evidence.get(name))
            yield of(record, "data", f"{name} {theirs}, as of its baseline", mine)
    for name in FRESH:
        if name in record.ratios and record.ratios[name].against != base.id:
            yield of(record, "ratios", f"ratios.{name} against its baseline {base.id}", record.ratios[name].against)
