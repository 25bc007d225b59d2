"""Whether a comparison that was measured again fell where its record says that a rerun falls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.derive.launches import floor_ratios, work_ratios
from bench.record import Ratio, Record
from bench.stats import Interval, prediction_interval, widened
from bench.store import Launch

FLOOR, WORK = "fastest calls", "processor time"
LITTLE = 2.0  # high over low: an interval so wide says little


@dataclass(frozen=True)
class Reproduction:
    """The ratio of a record, where a rerun of `again.n` launches lies with 95 %, and the one that was measured.

    `channel` is what the ratio is of: processor time where either run was descheduled.
    """

    record: Record
    new: Record
    channel: str
    said: float
    predicted: Interval
    found: float
    launches: int
    notes: tuple[str, ...]

    @property
    def inside(self) -> bool:
        """Whether the new ratio is where it was predicted."""
        return self.predicted.low <= self.found <= self.predicted.high

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; an open end is null."""
        ends = (each if math.isfinite(each) else None for each in (self.predicted.low, self.predicted.high))
        low, high = ends
        return {
            "record": self.record.id,
            "cell": str(self.record.cell),
            "channel": self.channel,
            "ratio": self.said,
            "launches": self.predicted.n,
            "predicted": {"low": low, "high": high, "level": self.predicted.level, "method": self.predicted.method},
            "again": {"record": self.new.id, "ratio": self.found, "launches": self.launches},
            "inside": self.inside,
            "notes": list(self.notes),
        }


def why_not(record: Record) -> str | None:
    """Return why a record predicts no rerun; None where it does."""
    ratio = record.ratios.get("latency")
    if record.cell.is_baseline:
        return "it is a baseline, which has no ratio of its own: name a compressed cell"
    if record.status != "ok" or ratio is None:
        return f"it has no ratio: {record.status}{f', {record.reason}' if record.reason else ''}"
    if (ratio.n or 0) < 2:
        return "it has one launch only, which says nothing of how launches scatter"
    return None


def not_comparable(record: Record, new: Record) -> str | None:
    """Return why a new record is no rerun of a record; None where it is one."""
    if new.group != record.group:
        return "another machine, task, data or reference model: the group of the new record is another"
    if "invalid" in (record.validity.get("verdict"), new.validity.get("verdict")):
        return "the numbers of one of the two runs are invalid"
    return why_not(new)


def reproduced(record: Record, launches: Sequence[Launch], new: Record, again: Sequence[Launch]) -> Reproduction:
    """Compare a rerun with its record. `launches` are those behind the record, empty where its journal is gone."""
    old, now = record.ratios["latency"], new.ratios["latency"]
    work = bool(old.facts.get("descheduled") or now.facts.get("descheduled"))
    cell, base = record.cell.id, record.cell.comparison
    per_launch = work_ratios if work else floor_ratios
    m = len(per_launch(again, cell, base)) or int(now.n or 1)
    known = per_launch(launches, cell, base) if launches else ()
    predicted = prediction_interval(known, m) if len(known) else widened(_logs(old, work=work), m)
    return Reproduction(
        record,
        new,
        WORK if work else FLOOR,
        _of(old, work=work),
        predicted.mapped(_exp),
        _of(now, work=work),
        m,
        (*_wide(predicted), *_notes(record, new, journal=bool(len(known)))),
    )


def behind_record(record: Record, launches: Sequence[Launch]) -> list[Launch]:
    """Return the launches behind a record, by its evidence, or by artifact where it has none."""
    sides = {record.cell.id, record.cell.comparison}
    whole = [each for each in launches if sides <= each.samples.keys()]
    if named := record.evidence.get("launches"):
        return [each for each in whole if each.name in named]
    return [each for each in whole if each.meta["artifacts"].get(record.cell.id) == record.artifact]


def _wide(predicted: Interval) -> list[str]:
    """Say so where nearly every ratio would be inside; `predicted` is on the log scale."""
    wide = predicted.width > math.log(LITTLE)
    return ["the prediction is so wide that being inside says little: measure more launches"] if wide else []


def _of(ratio: Ratio, *, work: bool) -> float:
    return float(ratio.facts["work"]) if work else ratio.value


def _logs(ratio: Ratio, *, work: bool) -> Interval:
    """Return a ratio's confidence interval on the log scale; ends that are open are infinite."""
    low, high = (ratio.facts.get(f"work_{end}") for end in ("low", "high")) if work else (ratio.low, ratio.high)
    ends = (-math.inf if not low else math.log(low), math.inf if high is None else math.log(high))
    return Interval(math.log(_of(ratio, work=work)), *ends, 0.95, int(ratio.n or 1), "recorded")


def _notes(record: Record, new: Record, *, journal: bool) -> Iterator[str]:
    """Say what differs between two runs, and may be why."""
    if not journal:
        yield "the record's launches are not here: its confidence interval was widened instead"
    if record.artifact != new.artifact:
        yield "another artifact was measured, which the same recipe made: steps or their plugins changed, or a seed"
    elif _quality(record) != _quality(new):
        yield f"the same artifact had another quality: {_quality(record)}, now {_quality(new)}"
    for name in ("joulebench", "python", "runtime_id"):
        if record.versions.get(name) != new.versions.get(name):
            yield f"another {name}: {record.versions.get(name)}, now {new.versions.get(name)}"


def _quality(record: Record) -> float | None:
    reading = record.readings.get("quality")
    return reading.value if reading is not None else None


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
