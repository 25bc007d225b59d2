"""Tables on a terminal: aligned columns for people, tab-separated values in a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from bench.cli.progress import clean
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import SINGLE_STREAM, recipe_name
from bench.units import format_quantity, format_with_interval

NUMBER = re.compile(r"\d+(\.\d+)?")
SHOWN = 6
ABSURD = 1000.0  # an end further away than this from the ratio is no bound, but too few launches
HEAD = ("id", "task", "backend", "recipe", "quality", "latency p50", "ratio", "energy", "memory", "size", "status")


def summary(records: Sequence[Record]) -> str:
    """Return a run's results as a table, comparison by comparison, the baseline first.

    Where not every cell is single-stream the scenario has a column, and what it is ranked by another.
    """
    rows = [_row(each) for each in records]
    if all(each.cell.scenario == SINGLE_STREAM for each in records):
        return table(HEAD, rows)
    place, rate = HEAD.index("recipe"), HEAD.index("latency p50")
    wider = [
        [*row[:place], each.cell.scenario_name, *row[place:rate], _rate(each), *row[rate:]]
        for each, row in zip(records, rows, strict=True)
    ]
    return table((*HEAD[:place], "scenario", *HEAD[place:rate], "per second", *HEAD[rate:]), wider)


def _rate(record: Record) -> str:
    """Return the highest rate of a server that was searched for one, elsewhere the throughput."""
    found = record.readings.get("max_rate") or record.readings.get("throughput")
    # The head of the column says what the numbers are of.
    return reading_text(found).replace(" 1/s", "") if found is not None and record.status == "ok" else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out; in a pipe, tab-separated."""
    every = [[clean(str(cell)).replace("\n", " ") for cell in row] for row in (head, *rows)]
    if not sys.stdout.isatty():
        return "\n".join("\t".join(row) for row in every)
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(record: Record) -> list[str]:
    cell = record.cell
    head = [record.id, cell.task, cell.backend_name, recipe_name(cell.recipe)]
    if record.status != "ok":
        return [*head, *[""] * 6, record.status]
    readings = [reading_text(record.readings.get(name)) for name in ("quality", "latency")]
    sizes = [reading_text(record.readings.get(name)) for name in ("memory", "size")]
    energy = record.readings.get("energy")
    joules = f"{reading_text(energy)} {energy.class_}" if energy and energy.value is not None else "unavailable"
    verdict = str(record.validity.get("verdict", "valid"))
    return [
        *head,
        *readings,
        ratio_text(record.ratios.get("latency")),
        joules,
        *sizes,
        "ok" if verdict == "valid" else verdict,
    ]


def doubts(records: Sequence[Record]) -> str:
    """Return why cells have no number or a doubtful one, with their ids; reasons that differ in figures are one."""
    why: dict[str, tuple[str, list[str]]] = {}
    for each in records:
        reasons = each.validity.get("reasons", []) if each.status == "ok" else [each.reason or "no reason was given"]
        word = each.status if each.status != "ok" else str(each.validity.get("verdict", "valid"))
        for reason in reasons:
            text = f"{word}: {(str(reason).splitlines() or [''])[0]}"
            why.setdefault(NUMBER.sub("#", text), (text, []))[1].append(each.id)
    return "".join(f"{clean(_alike(text, ids))}\n" for text, ids in why.values())


def _alike(text: str, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f"{text}{' (for one)' if len(ids) > 1 else ''}\n    {', '.join(ids[:SHOWN])}{more}"


def reading_text(reading: Reading | None, *, interval: bool = False) -> str:
    """Return a reading as people read it, rounded to its uncertainty; `interval` shows an estimate's range too."""
    if reading is None or reading.value is None:
        return "unavailable"
    if reading.class_ == "counted" or reading.low is None or reading.high is None:
        return format_quantity(reading.value, reading.unit)
    if reading.class_ == "estimated":
        text = format_quantity(reading.value, reading.unit, digits=2)
        low, high = (format_quantity(end, reading.unit, 2) for end in (reading.low, reading.high))
        return f"~{text} [{low}, {high}]" if interval else f"~{text}"
    return format_with_interval(reading.value, reading.low, reading.high, reading.unit)


def bounded(ratio: Ratio) -> bool:
    """Whether an interval says anything: its ends lie within a factor of a thousand of the ratio."""
    low, value, high = ratio.low, ratio.value, ratio.high
    if low is None or high is None:
        return False
    return low == high or (low * ABSURD > value and high < value * ABSURD)


def ratio_text(ratio: Ratio | None) -> str:
    """Return a ratio with its 95 % interval."""
    if ratio is None:
        return ""
    if not bounded(ratio) or ratio.low is None or ratio.high is None:
        return f"{ratio.value:.3f}x [no interval yet]"
    if ratio.low == ratio.high:
        return f"{ratio.value:.3g}x"
    text = f"{ratio.value:.3f}x [{ratio.low:.3f}, {ratio.high:.3f}]"
    return text + (" estimated" if ratio.class_ == "estimated" else "")
