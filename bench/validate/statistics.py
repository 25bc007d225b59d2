"""Every statistic of a record against its samples: readings, ratios, verdicts, limits, audit and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bench.derive.best import BEST, with_best
from bench.record import Record
from bench.store import document_of
from bench.validate.again import MEASURED, again, behind
from bench.validate.differ import Difference, differences
from bench.validate.finding import About, Finding, of, short
from bench.validate.submission import Submission

ABOUT: Mapping[str, About] = {
    "readings": "readings",
    "ratios": "ratios",
    "validity": "validity",
    "limits": "readings",
    "launches": "samples",
    "audit": "audit",
    "compression": "cost",
    "versions": "versions",
}
TELLING = {"class": 0, "value": 1}
# What no folder tells: what the task's original training took is a fact of the task's plugin.
ELSEWHERE = "of_original"


def statistics(record: Record, submission: Submission) -> Iterator[Finding]:
    """Yield a finding for every part of a record that is not what its samples say."""
    base = submission.base_of(record)
    outcomes = submission.outcomes(record.cell)
    if base is None or outcomes is None:
        return  # said by others
    try:
        derived = again(record, base, behind(record, base, submission), outcomes, submission.outcomes(base.cell))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError) as error:
        yield of(record, "samples", "numbers that its journal and its samples give", f"none: {error}")
        return
    yield from _compared(record, derived)
    yield from _unfounded(record, derived)


def best_ratios(submission: Submission) -> Iterator[Finding]:
    """Yield a finding for every ratio to the fastest uncompressed cell that the records do not give."""
    said = submission.records.values()
    bare = [replace(each, ratios={k: v for k, v in each.ratios.items() if k != BEST}) for each in said]
    for record, derived in zip(said, _with_best(bare), strict=True):
        ours, theirs = (each.ratios[BEST].to_json() if BEST in each.ratios else None for each in (derived, record))
        for difference in list(differences(ours, theirs, f"ratios.{BEST}"))[:1]:
            yield _finding(record, "ratios", difference)


def _with_best(records: list[Record]) -> list[Record]:
    """Return records with their ratio to the best; those that have none are left out by `with_best`."""
    changed = {each.cell.id: each for each in with_best(records)}
    return [changed.get(each.cell.id, each) for each in records]


def _compared(record: Record, derived: Record) -> Iterator[Finding]:
    """Yield one sentence a number: what it says of itself goes before what it is, and that before its ends."""
    ours, theirs = (_comparable(document_of(each)) for each in (derived, record))
    parts: dict[str, list[Difference]] = {}
    for each in differences(ours, theirs):
        parts.setdefault(".".join(each[0].split(".")[:2]), []).append(each)
    for name, found in parts.items():
        worst = min(found, key=lambda each: TELLING.get(each[0].removeprefix(f"{name}."), len(TELLING)))
        yield _finding(record, ABOUT.get(name.partition(".")[0], "record"), worst)


def _finding(record: Record, about: About, difference: Difference) -> Finding:
    where, expected, found = difference
    named = "provenance" if where.endswith(".class") else "quality" if where.startswith("readings.quality") else about
    return of(record, named, f"{where} {short(expected)} as its samples give it", short(found))


def _unfounded(record: Record, derived: Record) -> Iterator[Finding]:
    """Find what is called measured and stands in no launch."""
    for name, reading in record.readings.items():
        if name not in MEASURED and reading.class_ in ("measured", "derived"):
            yield of(record, "provenance", f"readings.{name} counted in the artifact", f"{reading.class_}")
        elif name in MEASURED and name not in derived.readings:
            yield of(record, "provenance", f"no reading {name}, which nothing in the journal tells", reading.class_)


def _comparable(document: Any) -> dict[str, Any]:
    parts = {name: document.get(name) for name in ABOUT}
    return {**parts, "compression": _without(parts["compression"])}


def _without(part: Any) -> Any:
    """Return a part of a document less what cannot be known here."""
    if isinstance(part, Mapping):
        return {key: _without(each) for key, each in part.items() if key != ELSEWHERE}
    return [_without(each) for each in part] if isinstance(part, list) else part
