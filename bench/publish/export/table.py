"""Records as a table: one row a record, SI throughout, how each number was obtained beside it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.publish.embed import dumps
from bench.record import Record
from bench.suite.cell import recipe_name

SCHEMA = "bench.export/1"
CELL = ("suite", "task", "backend", "device", "scenario", "batch", "threads", "seed")
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(records: Sequence[Record]) -> str:
    """Return the records as CSV (RFC 4180, UTF-8, lines end in CR LF).

    Columns of a reading: value, low, high, unit, class, verdict; of a ratio: value, low, high, class. A text that a
    spreadsheet would run as a formula gets an apostrophe in front; numbers are never touched.
    """
    readings = list(dict.fromkeys(name for each in records for name in each.readings))
    ratios = list(dict.fromkeys(name for each in records for name in each.ratios))
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([_safe(each) for each in _head(readings, ratios)])
    for record in records:
        writer.writerow([_safe(each) for each in _row(record, readings, ratios)])
    return stream.getvalue()


def json_text(records: Sequence[Record]) -> str:
    """Return the records as one JSON document, schema `bench.export/1`; what is not finite becomes null."""
    return (
        json.dumps(json.loads(dumps({"schema": SCHEMA, "records": [each.to_json() for each in records]})), indent=1)
        + "\n"
    )


def _head(readings: Iterable[str], ratios: Iterable[str]) -> Iterator[str]:
    yield from ("id", "status", "reason", *CELL, "recipe", "group", "validity", "launches", "started")
    for name in readings:
        yield from (name, f"{name}_low", f"{name}_high", f"{name}_unit", f"{name}_class", f"{name}_verdict")
    for name in ratios:
        yield from (f"{name}_ratio", f"{name}_ratio_low", f"{name}_ratio_high", f"{name}_ratio_class")


def _row(record: Record, readings: Iterable[str], ratios: Iterable[str]) -> Iterator[Any]:
    cell = record.cell
    yield from (record.id, record.status, record.reason)
    yield from (cell.backend_name if name == "backend" else getattr(cell, name) for name in CELL)
    yield from (recipe_name(cell.recipe), record.group, record.validity.get("verdict"), record.launches, record.started)
    for name in readings:
        each = record.readings.get(name)
        yield from (each.value, each.low, each.high, each.unit, each.class_, each.verdict) if each else [None] * 6
    for name in ratios:
        ratio = record.ratios.get(name)
        yield from (ratio.value, ratio.low, ratio.high, ratio.class_) if ratio else [None] * 4


def _safe(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(FORMULA) else value
    return value
