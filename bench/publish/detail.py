"""The details of one record: everything that stands behind its figures, as headed lists of terms and values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.derive.conversion import conversion_text
from bench.publish.cells import ratio_word, validity, weakest
from bench.publish.cost import badge, break_even_lines, cost_lines, training_lines
from bench.publish.format import MISSING, POINTS, TIMES, Scale, figure, figure_of, scale_for, sentence
from bench.publish.model import SHAPES, Section, Sheet
from bench.publish.rows import name_of
from bench.publish.text import block, mapping, plain, visible
from bench.reading import Reading
from bench.record import Record

READING_HEAD = ("Reading", "Value, 95 % interval", "Class", "n", "How")
RATIO_HEAD = ("Ratio", "Value, 95 % interval", "Class", "n", "How")
LIMIT_HEAD = ("Limit", "Allowed", "Found", "Verdict")
# Facts of an energy reading that are joules or watts, and so are as good as the reading's class says, no better.
ENERGY_ENDINGS = ("_j", "_w", "joules", "watts", "gross", "net", "idle", "by_domain", "uncertainty")

Lines = tuple[tuple[str, ...], ...]


def sheet(record: Record, anchor: str) -> Sheet:
    """Return the details of a record, parts without content left out."""
    title = f"{visible(record.cell.task, 80)} · {name_of(record)} · {visible(record.cell.backend_name, 80)}"
    parts = (
        Section("Outcome", _outcome(record)),
        Section("Readings", tuple(_reading(name, each) for name, each in record.readings.items()), READING_HEAD),
        Section("Latency quantiles", _quantiles(record)),
        Section("Ratios to the baseline", tuple(_ratios(record)), RATIO_HEAD),
        Section(
            "Limits of the suite", tuple(_limit(record, *each) for each in mapping(record.limits).items()), LIMIT_HEAD
        ),
        Section("How each reading was obtained", tuple(_facts(record))),
        Section("Steps", _steps(record)),
        Section("Lineage, oldest first", tuple((str(n), plain(each)) for n, each in enumerate(record.lineage, 1))),
        Section("Conversions, against their source", tuple(_conversions(record))),
        Section("Cost of compression", cost_lines(record)),
        Section("Training, step by step", training_lines(record)),
        Section("Break-even", break_even_lines(record)),
        Section("Audit: claimed, stored, executed", _pairs(record.audit)),
        Section("Machine", _pairs(record.machine)),
        Section("Versions", _pairs(record.versions)),
        Section("Measure it again", text=block(record.reproduce)),
        Section("What the worker said", text=block(record.detail or "")),
    )
    return Sheet(anchor, title, tuple(each for each in parts if each.rows or each.text))


def _conversions(record: Record) -> Iterator[tuple[str, str]]:
    for each in record.lineage:
        said = mapping(each.get("conversion"))
        if said:
            step, source, made = (visible(each.get(key) or "") for key in ("step", "from", "to"))
            yield f"{step} ({source} to {made})", visible(conversion_text(said))


def _outcome(record: Record) -> Lines:
    word, reasons = validity(record)
    found = (
        ("Status", f"{visible(record.status)}{': ' + visible(record.reason) if record.reason else ''}"),
        (
            "Validity",
            f"{SHAPES[word]} {word}{': ' + '; '.join(reasons) if reasons else ''}" if record.status == "ok" else "",
        ),
        ("Cell", visible(record.cell)),
        ("Suite, seed", f"{visible(record.cell.suite)}, {plain(record.cell.seed)}"),
        ("Launches", plain(record.launches)),
        ("Started", visible(record.started)),
        ("Run", visible(record.run)),
        ("Record", visible(record.id)),
        ("Artifact", visible(record.artifact or "")),
        ("Group", visible(record.group)),
    )
    return tuple((term, value) for term, value in found if value)


def _reading(name: str, reading: Reading) -> tuple[str, ...]:
    if reading.class_ == "unavailable":
        return _title(name), MISSING, badge("unavailable"), "", visible(reading.reason or "")
    found = figure_of(reading)
    scale = scale_for(
        "" if name in ("parameters", "nonzero") else visible(reading.unit, 20), [found.value] if found else []
    )
    value = sentence(found, scale) if found else f"{MISSING} not a finite number: {plain(reading.value)}"
    doubts = [f"{visible(reading.verdict)}: {plain(reading.reasons)}"] if reading.verdict != "valid" else []
    how = "; ".join([visible(reading.meter)] * bool(reading.meter) + doubts)
    return _title(name), value, badge(reading.class_), plain(reading.n) if reading.n is not None else "", how


def _quantiles(record: Record) -> Lines:
    latency = record.readings.get("latency")
    found = mapping(latency.facts.get("quantiles")) if latency is not None else {}
    return tuple((visible(name, 20), _quantile(each)) for name, each in found.items())


def _quantile(value: Any) -> str:
    listed = isinstance(value, (list, tuple)) and len(value) == 3
    found = figure(*value) if listed else figure(value)
    return sentence(found, scale_for("s", [found.value])) if found else plain(value)


def _ratios(record: Record) -> Iterable[tuple[str, ...]]:
    for name, ratio in record.ratios.items():
        found = figure(ratio.value, ratio.low, ratio.high)
        value = sentence(found, Scale(1.0, TIMES)) if found else f"{MISSING} {plain(ratio.value)}"
        own = record.class_of_ratio(name)
        klass = weakest(own, record.class_of_energy) if "energy" in name else own
        word = ratio_word(found, klass) if found else ""
        facts = (f"{_title(key).lower()} {plain(each)}" for key, each in ratio.facts.items() if each is not None)
        how = "; ".join(
            part for part in (word, visible(ratio.method), f"against {visible(ratio.against)}", *facts) if part
        )
        yield _title(name), value, badge(klass), plain(ratio.n) if ratio.n is not None else "", how


def _limit(record: Record, name: Any, limit: Any) -> tuple[str, ...]:
    own, key = mapping(limit), visible(name, 60)
    unit = visible(own.get("unit") or _unit_of_limit(key), 20)
    klass = f" {badge(record.class_of_energy)}" if "energy" in key else ""
    allowed, found = (_with_unit(own.get(part), unit, key) + klass for part in ("limit", "value"))
    word = {True: f"{SHAPES['met']} met", False: f"{SHAPES['missed']} missed"}.get(own.get("ok"), "not judged")  # type: ignore[arg-type]
    return _title(key), allowed.removesuffix(klass), found, word


def _unit_of_limit(key: str) -> str:
    units = {"latency": "s", "energy": "J", "size": "B", "memory": "B", "quality": "1"}
    return next((unit for start, unit in units.items() if key.startswith(start)), "")


def _with_unit(value: Any, unit: str, key: str) -> str:
    found = figure(value)
    if found is None:
        return plain(value)
    return sentence(found, POINTS if unit == "1" and "drop" in key else scale_for(unit, [found.value]))


def _facts(record: Record) -> Iterable[tuple[str, str]]:
    """Return each reading's provenance facts, the class beside every figure of energy."""
    for name, reading in record.readings.items():
        for key, value in reading.facts.items():
            if name == "latency" and key == "quantiles":
                continue
            joules = name.startswith("energy") and str(key).lower().endswith(ENERGY_ENDINGS)
            mark = f" ({badge(reading.class_)})" if joules and value is not None else ""
            yield f"{_title(name)}: {_title(key).lower()}", plain(value) + mark


def _steps(record: Record) -> Lines:
    plugins = record.steps if len(record.steps) == len(record.cell.recipe) else ({},) * len(record.cell.recipe)
    return tuple(
        (visible(step, 200), " ".join(visible(each) for each in mapping(plugin).values()))
        for step, plugin in zip(record.cell.recipe, plugins, strict=True)
    )


def _pairs(value: Mapping[str, Any]) -> Lines:
    return tuple((_title(key), plain(each)) for key, each in mapping(value).items() if each is not None)


def _title(key: Any) -> str:
    return visible(key, 60).replace("_", " ")
