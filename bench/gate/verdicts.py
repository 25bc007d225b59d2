"""What a gate says: a verdict for every metric of every cell, and the whole report with its exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from bench.errors import BenchError

SCHEMA = "bench.gate/1"
Outcome = Literal["pass", "warn", "fail", "inconclusive", "not-comparable"]
Kind = Literal["exact", "paired", "quality", "budget"]
# Worst first: a cell is as bad as its worst metric. A warning never fails a gate.
WORST: tuple[Outcome, ...] = ("fail", "not-comparable", "inconclusive", "warn", "pass")
OK, GATE_FAILED, SOME_CELLS_FAILED, NOT_COMPARABLE, INCONCLUSIVE, UNFIT = 0, 1, 3, 4, 5, 6


@dataclass(frozen=True)
class Place:
    """Where a limit or a cell is written: what an annotation points at."""

    file: str
    line: int


@dataclass(frozen=True)
class MetricVerdict:
    """One metric of one cell, candidate against baseline.

    `baseline` and `candidate` are in `unit` (SI), `ratio` is candidate / baseline with its interval, None where there
    is none. `limit` is what was allowed, in words; `smallest` the smallest relative change that could have been seen
    within the time given; `class_` the provenance of the numbers; `channels` the evidence of a paired metric by channel
    ({"floor": {"log_e_fail", "log_e_pass", "launches", ...}}). `accepted` is the reason why a failure was accepted.
    """

    metric: str
    kind: Kind
    outcome: Outcome
    why: str
    unit: str = "1"
    class_: str = "measured"
    baseline: float | None = None
    candidate: float | None = None
    ratio: tuple[float, float | None, float | None] | None = None
    limit: str | None = None
    smallest: float | None = None
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accepted: str | None = None
    place: Place | None = None


@dataclass(frozen=True)
class CellVerdict:
    """One cell; `status` and `reason` are its record's, and say why there is nothing to judge where that is not ok."""

    id: str
    name: str
    metrics: tuple[MetricVerdict, ...] = ()
    status: str = "ok"
    reason: str | None = None
    launches: int = 0
    seconds: float = 0.0
    place: Place | None = None

    @property
    def outcome(self) -> Outcome:
        """Return the worst of its metrics; `not-comparable` where nothing was judged."""
        found = {each.outcome for each in self.metrics}
        return next((each for each in WORST if each in found), "not-comparable")


@dataclass(frozen=True)
class SelfTest:
    """The gate's proof that it could fail: two byte-identical sides, and one made slower on purpose.

    `aa` and `planted` are their verdicts; `fit` says whether the run may be believed, `reason` why not.
    """

    fit: bool
    aa: MetricVerdict | None = None
    planted: MetricVerdict | None = None
    reason: str | None = None
    reused: bool = False


@dataclass(frozen=True)
class GateReport:
    """A whole gate. `against` names the baseline as asked for; `inconclusive`: what an undecided cell means."""

    suite: str
    against: str
    cells: tuple[CellVerdict, ...]
    self_test: SelfTest | None = None
    alpha: float = 0.01
    inconclusive: Literal["fail", "warn", "pass"] = "warn"
    seconds: float = 0.0
    machine: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return the exit code: unfit, failed, cells failed, not comparable, undecided, in that order."""
        outcomes = {each.outcome for each in self.cells if each.status == "ok"}
        if self.self_test is not None and not self.self_test.fit:
            return UNFIT
        if "fail" in outcomes:
            return GATE_FAILED
        if any(each.status not in ("ok", "unsupported") for each in self.cells):
            return SOME_CELLS_FAILED
        if "not-comparable" in outcomes:
            return NOT_COMPARABLE
        return INCONCLUSIVE if "inconclusive" in outcomes and self.inconclusive == "fail" else OK

    def verdicts(self) -> Iterator[tuple[CellVerdict, MetricVerdict]]:
        """Return every metric with its cell."""
        return ((cell, metric) for cell in self.cells for metric in cell.metrics)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON, schema `bench.gate/1`."""
        return {"schema": SCHEMA, **asdict(self), "exit_code": self.exit_code}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GateReport:
        """Read a report back. Raises BenchError for another schema."""
        if data.get("schema") != SCHEMA:
            raise BenchError(f"expected a report of schema {SCHEMA}, not {data.get('schema')!r}")
        rest = {key: value for key, value in data.items() if key not in ("schema", "exit_code")}
        test = rest["self_test"]
        both = {name: test[name] and _metric(test[name]) for name in ("aa", "planted")} if test else {}
        rest["self_test"] = SelfTest(**{**test, **both}) if test else None
        cells, notes = tuple(_cell(each) for each in rest["cells"]), tuple(rest["notes"])
        return cls(**{**rest, "cells": cells, "notes": notes})


def _cell(data: Mapping[str, Any]) -> CellVerdict:
    metrics = tuple(_metric(each) for each in data["metrics"])
    return CellVerdict(**{**data, "metrics": metrics, "place": _place(data["place"])})


def _metric(data: Mapping[str, Any]) -> MetricVerdict:
    if data["outcome"] not in get_args(Outcome):
        raise BenchError(f"unknown outcome {data['outcome']!r} in a gate report")
    ratio = tuple(data["ratio"]) if data["ratio"] else None
    return MetricVerdict(**{**data, "ratio": ratio, "place": _place(data["place"])})


def _place(data: Mapping[str, Any] | None) -> Place | None:
    return Place(**data) if data else None
