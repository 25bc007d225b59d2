"""A record: one cell's outcome, and the reader that accepts every version ever written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bench.errors import BenchError
from bench.reading import Class, Reading, weakest_class
from bench.record_checks import check_joules_elsewhere, check_ratios, check_readings, check_whole
from bench.suite.cell import Cell

SCHEMA = "bench.record/1"
Status = Literal["ok", "unsupported", "failed", "timeout", "oom", "interrupted"]
TEXTS = ("id", "group", "run", "started", "reproduce")
OPTIONAL_TEXTS = ("reason", "detail", "artifact")
MAPPINGS = ("validity", "readings", "ratios", "limits", "audit", "compression", "evidence", "machine", "versions")
CELL_TYPES = {
    **dict.fromkeys(("suite", "task", "backend", "device", "scenario"), str),
    **dict.fromkeys(("batch", "threads", "seed"), int),
    **dict.fromkeys(("backend_options", "scenario_options"), Mapping),
}
STATUSES: tuple[Status, ...] = get_args(Status)


class BadRecord(BenchError):
    """A document that is no record, or one whose provenance is incomplete."""


@dataclass(frozen=True)
class Ratio:
    """A ratio to another record's number, with its 95 % interval (None where nothing bounds it); below 1 means less."""

    value: float
    low: float | None
    high: float | None
    against: str
    method: str
    n: int | None = None
    class_: str = "measured"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the ratio as JSON."""
        own = {key: getattr(self, key) for key in ("value", "low", "high", "against", "method", "n")}
        return {**own, "class": self.class_, **self.facts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ratio:
        """Rebuild a ratio; unknown keys become facts."""
        rest = dict(data)
        own = {key: rest.pop(key, None) for key in ("value", "low", "high", "against", "method", "n")}
        return cls(**own, class_=rest.pop("class", "measured"), facts=rest)


@dataclass(frozen=True)
class Record:
    """One cell's outcome. `detail` holds a worker's traceback; `launches` how many process launches stand behind it."""

    id: str
    status: Status
    cell: Cell
    group: str = ""
    reason: str | None = None
    detail: str | None = None
    run: str = ""
    started: str = ""
    artifact: str | None = None
    launches: int = 0
    validity: Mapping[str, Any] = field(default_factory=lambda: {"verdict": "valid", "reasons": []})
    readings: Mapping[str, Reading] = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    compression: Mapping[str, Any] = field(default_factory=dict)
    lineage: tuple[Mapping[str, Any], ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    reproduce: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON under its schema name."""
        out: dict[str, Any] = {"schema": SCHEMA, **vars(self)}
        recipe = [{**step.to_json(), **extra} for step, extra in zip(self.cell.recipe, self._plugins(), strict=True)]
        out["cell"] = {**self.cell.to_json(), "recipe": recipe}
        out["readings"] = {name: each.to_json() for name, each in self.readings.items()}
        out["ratios"] = {name: each.to_json() for name, each in self.ratios.items()}
        out["lineage"] = [dict(each) for each in self.lineage]
        del out["steps"]
        return out

    def _plugins(self) -> tuple[Mapping[str, Any], ...]:
        return self.steps if len(self.steps) == len(self.cell.recipe) else tuple({} for _ in self.cell.recipe)

    @classmethod
    def from_json(cls, data: Any) -> Record:
        """Read a record of any known version. Raises BadRecord naming what is wrong."""
        if not isinstance(data, Mapping) or not str(data.get("schema", "")).startswith("bench.record/"):
            raise BadRecord("not a joulebench record: it has no schema 'bench.record/…'")
        if data["schema"] != SCHEMA:
            raise BadRecord(f"written by a newer joulebench ({data['schema']}); this one reads {SCHEMA}")
        try:
            return cls(**_fields(data))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise BadRecord(f"record {str(data.get('id', '?'))[:40]!r} is damaged: {error}") from error

    @property
    def class_of_energy(self) -> str:
        """Return the provenance class of the energy reading, "unavailable" without one."""
        energy = self.readings.get("energy")
        return energy.class_ if energy else "unavailable"

    def class_of_ratio(self, name: str) -> Class:
        """Return the provenance class of a ratio: the weaker of what it says itself and of the reading it is about."""
        reading = self.readings.get("latency" if name == "latency_vs_best" else name)
        said = [self.ratios[name].class_, *([reading.class_] if reading is not None else [])]
        return weakest_class(said)


def _check_types(values: Mapping[str, Any], expected: Mapping[str, type]) -> None:
    """Refuse a field of a wrong type here, so that no reader of records ever meets one."""
    for name, kind in expected.items():
        if name in values and (not isinstance(values[name], kind) or isinstance(values[name], bool)):
            raise ValueError(f"'{name}' must be {kind.__name__.lower()}, not {values[name]!r:.40}")


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: data[key] for key in Record.__dataclass_fields__ if key in data}
    _check_types(known, {**dict.fromkeys(TEXTS, str), **dict.fromkeys(MAPPINGS, Mapping), "launches": int})
    _check_types({name: known.get(name) or "" for name in OPTIONAL_TEXTS}, dict.fromkeys(OPTIONAL_TEXTS, str))
    if known["status"] not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {known['status']!r}")
    steps = data["cell"]["recipe"]
    known["cell"] = Cell.from_json(data["cell"])
    _check_types(vars(known["cell"]), CELL_TYPES)
    for step in known["cell"].recipe:
        _check_types(vars(step), {"name": str, "options": Mapping})
    named = tuple({key: str(each[key]) for key in ("plugin", "version") if key in each} for each in steps)
    known["steps"] = named if any(named) else ()
    if not isinstance(data.get("lineage", ()), (list, tuple)):
        raise ValueError("'lineage' must be a list")
    check_whole(data)
    check_readings(data.get("readings", {}))
    check_ratios(data.get("ratios", {}))
    check_joules_elsewhere(data)
    known["readings"] = {str(name): Reading.from_json(each) for name, each in data.get("readings", {}).items()}
    known["ratios"] = {str(name): Ratio.from_json(each) for name, each in data.get("ratios", {}).items()}
    known["lineage"] = tuple(dict(each) for each in data.get("lineage", ()))
    return known
