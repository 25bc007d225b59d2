"""What a test says of a cell: passed, failed or skipped, from its record or from its verdict at the gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.gate.badge import doubt
from bench.gate.render.words import failing, fate, notable, sentence, state, word
from bench.gate.verdicts import UNFIT, CellVerdict, GateReport
from bench.record import Record
from bench.units import format_quantity


@dataclass(frozen=True)
class Judgement:
    """The outcome of a cell as a test, what is shown of it, and numbers for reports."""

    outcome: Literal["pass", "fail", "skip"]
    text: str
    properties: Mapping[str, Any] = field(default_factory=dict)


def of_records(records: Iterable[Mapping[str, Any]]) -> dict[str, Judgement]:
    """Return the judgement of every record, by its cell's id: limits kept or broken, as its record says."""
    found = [Record.from_json(each) for each in records]
    return {each.cell.id: of_record(each) for each in found}


def of_record(record: Record) -> Judgement:
    """Judge a record by its limits; what was measured on a disturbed machine breaks no limit, and keeps none."""
    if record.status == "unsupported":
        return Judgement("skip", f"unsupported: {record.reason}")
    if record.status != "ok":
        return Judgement(
            "fail", f"{record.status}: {record.reason or 'no reason given'}\n{record.detail or ''}".rstrip()
        )
    broken = {name: each for name, each in record.limits.items() if each["ok"] is False}
    unread = [name for name, each in record.limits.items() if each["ok"] is None and not _not_owed(record, name)]
    lines = [f"{name}: {_shown(record, name, each['value'])} where {_shown(record, name, each['limit'])} is allowed"
             for name, each in broken.items()]  # fmt: skip
    properties = {name: each.value for name, each in record.readings.items() if each.value is not None}
    doubts = [doubt(record, _metric(name)) for name in broken]
    if broken and any(verdict == "valid" for verdict, _ in doubts):
        return Judgement("fail", "\n".join(lines), properties)
    if broken:
        reasons = dict.fromkeys(f"{verdict}: {'; '.join(found)}" for verdict, found in doubts)
        return Judgement("skip", f"INCONCLUSIVE: {'; '.join([*lines, *reasons])}", properties)
    if unread:
        why = "; ".join(f"{name} was not read" for name in unread)
        return Judgement("skip", f"INCONCLUSIVE: {why}", properties)
    return Judgement("pass", f"{len(record.limits)} limits kept" if record.limits else "ran; no limits", properties)


def of_gate(document: Mapping[str, Any]) -> dict[str, Judgement]:
    """Return the judgement of every cell of a gate's report, by its id. An unfit gate fails every cell."""
    report = GateReport.from_json(document)
    if report.exit_code == UNFIT:
        return {each.id: Judgement("fail", f"UNFIT: {fate(report)}") for each in report.cells}
    return {each.id: of_cell(each, report.inconclusive) for each in report.cells}


def of_cell(cell: CellVerdict, inconclusive: str = "warn") -> Judgement:
    """Judge a cell: not comparable fails, since it is never a pass; undecided is skipped unless it was to fail."""
    name = state(cell)
    lines = [f"{word(each.outcome)} {each.metric}: {sentence(each)}" for each in notable(cell)]
    text = failing(cell) or "\n".join(lines) or ", ".join(f"{each.metric} passed" for each in cell.metrics)
    properties = {each.metric: each.ratio[0] for each in cell.metrics if each.ratio is not None}
    if name in ("fail", "error", "not-comparable") or (name == "inconclusive" and inconclusive == "fail"):
        return Judgement("fail", text, properties)
    if name in ("inconclusive", "unsupported"):
        return Judgement("skip", " ".join(text.split("\n")), properties)
    return Judgement("pass", text, properties)


def _not_owed(record: Record, name: str) -> bool:
    """Whether a limit does not concern a record: the baseline drops no quality against itself."""
    return name in ("quality_drop", "quality_loss") and record.cell.is_baseline


def _metric(limit: str) -> str:
    """Return the reading that a limit is of."""
    kind = limit.partition("_")[0]
    return kind if kind in ("latency", "quality") else limit


def _shown(record: Record, limit: str, value: float) -> str:
    reading = record.readings.get(_metric(limit))
    return format_quantity(value, reading.unit if reading else "1", 4)
