"""The columns of a group's table: which there are, in which unit, and the cell of a record in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.publish.cells import audit_cell, drop_cell, limits_cell, ratio_cell, reading_cell, validity_cell
from bench.publish.context import Context, higher_is_better, metric_name
from bench.publish.cost import break_even_cell
from bench.publish.format import TIMES, Figure, figure, figure_of
from bench.publish.model import Cell, Column
from bench.publish.text import mapping
from bench.record import Record
from bench.suite.cell import MULTI_STREAM, OFFLINE, SERVER

Make = Callable[[Context, Record], Cell]
Shown = Callable[[Context], bool]


def drop_of(context: Context, record: Record) -> Figure | None:
    """Return the quality lost to the baseline: the paired drop of the record, else the plain difference."""
    quality = record.readings.get("quality")
    paired = mapping(quality.facts.get("drop")) if quality is not None else {}
    found = figure(paired.get("value"), paired.get("low"), paired.get("high"))
    if record.cell.is_baseline:
        return None
    baseline = context.baseline_of(record) if found is None else None
    if baseline is None:
        return found
    own, its = figure_of(record.readings.get("quality")), figure_of(baseline.readings.get("quality"))
    if own is None or its is None:
        return None
    lost = its.value - own.value
    return Figure(lost if higher_is_better(context.records) else -lost, None, None)


def _reading(name: str, badge: bool = False) -> Make:
    def make(context: Context, record: Record) -> Cell:
        reading, ratio = record.readings.get(name), record.ratios.get(name)
        cell = reading_cell(reading, context.scale(name), badge=badge, block=context.block(name, reading))
        found = figure(ratio.value) if ratio is not None and ratio.class_ == "counted" else None
        if reading is not None and "not_ranked" in reading.facts:
            cell = replace(cell, note=f"{cell.note} not ranked".strip(), tone="dim", sort=None)
        return replace(cell, note=f"{found.value:.3g}{TIMES}") if found and not cell.note else cell

    return make


def _ratio(name: str, badge: bool = False, more: bool = False) -> Make:
    def make(context: Context, record: Record) -> Cell:
        reading = record.readings.get(name)
        klass = reading.class_ if reading is not None else "unavailable"
        baseline = record.cell.is_baseline and klass != "unavailable"
        block = context.block(name, reading)
        ratio = record.ratios.get(name)
        shown = replace(ratio, class_=record.class_of_ratio(name)) if ratio is not None else None
        cell = ratio_cell(shown, baseline=baseline, klass=klass if badge else "", block=block, more=more)
        if reading is not None and "not_ranked" in reading.facts and not baseline:  # the suite takes no verdict from it
            interval = cell.note.partition("]")[0] + "]" if cell.note.startswith("[") else ""
            return replace(cell, note=f"{interval} not ranked".strip(), tone="dim", sort=None)
        return cell

    return make


def _quantile(name: str) -> Make:
    def make(context: Context, record: Record) -> Cell:
        reading = record.readings.get("latency")
        found = mapping(reading.facts.get("quantiles")).get(name) if reading is not None else None
        if reading is None or not found:
            return Cell("—", "too few queries" if reading is not None else "", tone="dim")
        value, low, high = found
        return reading_cell(replace(reading, value=value, low=low, high=high), context.scale("latency"))

    return make


def _best(context: Context, record: Record) -> Cell:
    ratio = record.ratios.get("latency_vs_best")
    if ratio is None and record.id in context.fastest:
        return Cell(f"1{TIMES}", "the fastest", sort=1.0)
    shown = replace(ratio, class_=record.class_of_ratio("latency_vs_best")) if ratio is not None else None
    return ratio_cell(shown, baseline=False)


def _quality_drop(context: Context, record: Record) -> Cell:
    reading = record.readings.get("quality")
    return drop_cell(drop_of(context, record), reading.unit if reading else "1", baseline=record.cell.is_baseline)


def _has(name: str) -> Shown:
    return lambda context: name in context.scales


def _has_ratio(name: str) -> Shown:
    return lambda context: any(name in each.ratios for each in context.records)


def _always(_: Context) -> bool:
    return True


def _launches(_: Context, record: Record) -> Cell:
    found = figure(record.launches)
    return Cell(f"{found.value:g}" if found else "—", sort=found.value if found else None)


@dataclass(frozen=True)
class Spec:
    """One column before it meets a group: where its unit comes from, how its cells are made, when it is shown."""

    key: str
    label: str
    make: Make
    shown: Shown
    help: str
    unit_of: str = ""

    def column(self, context: Context) -> Column:
        """Return the column as this group shows it."""
        unit = "pp" if self.key == "drop" else context.scale(self.unit_of).label if self.unit_of else ""
        if self.key == "drop" and context.scale("quality").label not in ("%", ""):
            unit = context.scale("quality").label
        label = metric_name(context.records).capitalize() if self.key == "quality" else self.label
        if any(each.cell.scenario == OFFLINE for each in context.records):  # its query is the whole set
            label = {"latency": "Call p50", "ratio": "Call vs baseline", "best": "Call vs best"}.get(self.key, label)
        return Column(self.key, label, unit, self.help, self.key not in ("validity", "limits", "audit"))


SPECS = (
    Spec(
        "quality",
        "Quality",
        _reading("quality"),
        _always,
        "On the full held-out split, with its 95 % interval",
        "quality",
    ),
    Spec(
        "drop", "Quality drop", _quality_drop, _always, "Quality lost to the uncompressed baseline; negative is a gain"
    ),
    Spec(
        "latency", "Latency p50", _reading("latency"), _always, "Median of one query, with its 95 % interval", "latency"
    ),
    Spec(
        "p99",
        "Latency p99",
        _quantile("p99"),
        lambda context: any(each.cell.scenario in (SERVER, MULTI_STREAM) for each in context.records),
        "Of a query; in server from its scheduled arrival",
        "latency",
    ),
    Spec("ratio", "Latency vs baseline", _ratio("latency"), _always, "Paired, side by side; below 1 is faster"),
    Spec(
        "best",
        "Latency vs best",
        _best,
        _has_ratio("latency_vs_best"),
        "Against the fastest uncompressed cell of the task on this device",
    ),
    Spec(
        "throughput",
        "Throughput",
        _reading("throughput"),
        _has("throughput"),
        "Inferences a second, with its 95 % interval",
        "throughput",
    ),
    Spec(
        "throughput_ratio",
        "Throughput vs baseline",
        _ratio("throughput", more=True),
        _has_ratio("throughput"),
        "Paired, side by side; above 1 is more",
    ),
    Spec(
        "max_rate",
        "Highest rate",
        _reading("max_rate"),
        _has("max_rate"),
        "Queries a second at which the p99 was shown to keep the bound",
        "max_rate",
    ),
    Spec(
        "max_rate_ratio",
        "Rate vs baseline",
        _ratio("max_rate", more=True),
        _has_ratio("max_rate"),
        "Paired by launch; above 1 is more",
    ),
    Spec(
        "energy",
        "Energy / inference",
        _reading("energy", badge=True),
        _always,
        "Sorted inside each provenance class, kind of meter and set of domains only",
        "energy",
    ),
    Spec(
        "energy_ratio",
        "Energy vs baseline",
        _ratio("energy", badge=True),
        _has_ratio("energy"),
        "Below 1 is less energy; an estimated ratio is one of processor time, and no claim of a saving",
    ),
    Spec(
        "break_even",
        "Break-even",
        lambda _, record: break_even_cell(record),
        lambda context: any("break_even" in mapping(each.compression) for each in context.records),
        "Inferences until the energy of compressing is saved, where a saving is demonstrated",
    ),
    Spec(
        "memory",
        "Peak memory",
        _reading("memory"),
        _has("memory"),
        "Highest memory of the process above its base",
        "memory",
    ),
    Spec("size", "Size", _reading("size"), _has("size"), "Bytes on disk (kB = 1000 B)", "size"),
    Spec(
        "zstd",
        "Size, zstd",
        _reading("size_compressed"),
        _has("size_compressed"),
        "Bytes after zstd",
        "size_compressed",
    ),
    Spec(
        "encoded",
        "Size, encoded",
        _reading("size_encoded"),
        _has("size_encoded"),
        "Bytes if zeros, few values and equal weights were stored as such",
        "size_encoded",
    ),
    Spec("parameters", "Parameters", _reading("parameters"), _has("parameters"), "Stored parameters", "parameters"),
    Spec("nonzero", "Non-zero", _reading("nonzero"), _has("nonzero"), "Parameters that are not zero", "nonzero"),
    Spec(
        "flops", "FLOPs", _reading("flops"), _has("flops"), f"Multiply and add counted apart: 2 {TIMES} MACs", "flops"
    ),
    Spec(
        "audit",
        "Audit",
        lambda _, record: audit_cell(record),
        lambda context: any(mapping(each.audit).get("verdict") for each in context.records),
        "Whether the compression is in the file and is executed; advice where it is not",
    ),
    Spec("launches", "Launches", _launches, _always, "Independent process launches behind the figures"),
    Spec(
        "validity",
        "Validity",
        lambda _, record: validity_cell(record),
        _always,
        "Suspect and invalid rows are not ranked",
    ),
    Spec(
        "limits",
        "Limits",
        lambda _, record: limits_cell(record.limits),
        lambda context: any(each.limits for each in context.records),
        "The suite's limits that were met",
    ),
)
