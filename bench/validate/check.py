"""The check of a submission, room by room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.record import BadRecord, Record
from bench.store import Cache
from bench.validate.artifacts import Found, artifacts, at_hand
from bench.validate.completeness import completeness
from bench.validate.data import data
from bench.validate.finding import Finding, of, whole
from bench.validate.identity import identity
from bench.validate.samples import samples
from bench.validate.statistics import best_ratios, statistics
from bench.validate.submission import Submission, read
from bench.validate.suite import CLOSED, OPEN, division, listed, settings, trained

ODD = (TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError, OSError, RecursionError)
OWED = ("launches", "outcomes", "settings", "data", "reference", "metric")


@dataclass(frozen=True)
class Report:
    """What was found in one folder. `notes` are what was not checked, and why."""

    path: Path
    division: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    records: int

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        said = {"path": str(self.path), "accepted": self.accepted, "division": self.division}
        said["records"] = self.records
        return {**said, "findings": [each.to_json() for each in self.findings], "notes": list(self.notes)}


def check(path: Path, *, cache: Cache | None = None, wanted: str | None = None) -> Report:
    """Check the folder of a run; one that holds none is rejected.

    Artifacts are counted again where they are in its `artifacts/` or in the cache. `wanted` is the division that it is
    submitted to, None for whichever it stands in.
    """
    try:
        submission = read(path)
        found = at_hand(submission.records, path, cache)
        stands, reasons = division(submission)
        findings = dict.fromkeys(_findings(submission, found))
    except BadRecord as error:
        return Report(path, OPEN, (whole("record", "records that can be read", str(error)),), (), 0)
    except (BenchError, *ODD) as error:
        return Report(
            path, OPEN, (whole("completeness", "the folder of a run, as it was left", str(error)[:200]),), (), 0
        )
    if wanted == CLOSED and stands != CLOSED:
        findings |= dict.fromkeys(whole("division", "a submission of the closed division", each) for each in reasons)
    notes = [*(f"{stands} division: {each}" for each in reasons), *_notes(submission, found)]
    return Report(path, stands, tuple(findings), tuple(notes), len(submission.records))


def _findings(submission: Submission, found: Found) -> Iterator[Finding]:
    yield from completeness(submission)
    yield from listed(submission)
    for record in submission.records.values():
        yield from _guarded(identity(record, submission), record)
        if record.status == "ok":
            yield from _guarded(_of_numbers(record, submission), record)
            yield from _guarded(artifacts(record, found), record)
    yield from best_ratios(submission)


def _guarded(findings: Iterator[Finding], record: Record) -> Iterator[Finding]:
    """Yield findings; what is in no shape that can be checked is one itself. Strangers wrote it."""
    try:
        yield from findings
    except ODD as error:
        yield of(record, "record", "values that can be checked", f"{type(error).__name__}: {error}"[:200])


def _notes(submission: Submission, found: Found) -> Iterator[str]:
    """Say what stands in a submission without a claim, and what was not looked at."""
    measured = [each for each in submission.records.values() if each.status == "ok"]
    others = len(submission.records) - len(measured)
    invalid = sum(each.validity.get("verdict") == "invalid" for each in measured)
    unseen = {str(each.artifact) for each in measured} - set(found)
    if steps := trained(submission):
        yield f"steps that trained, as their lineage declares: {', '.join(steps)}"
    if others:
        yield f"{others} cells have no numbers, and say why"
    if invalid:
        yield f"{invalid} records are invalid: they make no claim"
    for each in submission.records.values():
        made = [one for one in submission.journal_of(each.cell).values() if each.cell.id in one.samples]
        if each.status not in ("ok", "unsupported") and made:
            yield f"record {each.id} ({each.cell}) has no numbers after {len(made)} launches: {each.status}"
    if unseen:
        yield f"{len(unseen)} artifacts are not at hand: their sizes were not taken again"


def _of_numbers(record: Record, submission: Submission) -> Iterator[Finding]:
    if lacking := [name for name in OWED if not record.evidence.get(name)]:
        found = f"no {', '.join(lacking)}: it was stripped, or written by an older joulebench"
        yield of(record, "record", f"evidence to derive it from ({', '.join(OWED)})", found)
        return
    yield from settings(record, submission)
    yield from data(record)
    yield from samples(record, submission)
    yield from statistics(record, submission)
