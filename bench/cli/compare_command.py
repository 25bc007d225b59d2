"""`bench compare`: two records, or two runs cell by cell."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from bench.cli.find import find_record
from bench.cli.setup import results_option
from bench.cli.table import ratio_text, table
from bench.derive.payback import NO_CLAIM
from bench.derive.ratios import unpaired_ratio
from bench.errors import BenchError
from bench.reading import Reading, alike
from bench.record import Ratio, Record
from bench.stats import Interval, verdict
from bench.store import find_records

NOT_COMPARABLE = 4
NOT = "not comparable"
TIMED = ("latency", "memory", "startup", "energy")
METRICS = ("latency", "memory", "startup", "energy", "size", "size_compressed", "flops", "parameters")


# An estimate of energy is one of processor time: the verdict says what was seen, and no saving of joules is claimed.
ESTIMATED_WORDS = {
    "better": "less processor time (estimated)",
    "worse": "more processor time (estimated)",
    "tie": "tie (estimated)",
}


@dataclass(frozen=True)
class Line:
    """One metric of one pair."""

    cell: str
    metric: str
    ratio: Ratio | None
    verdict: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON."""
        ratio = self.ratio.to_json() if self.ratio else None
        return {"cell": self.cell, "metric": self.metric, "verdict": self.verdict, "ratio": ratio, "note": self.note}


@click.command("compare")
@click.argument("a")
@click.argument("b")
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(a: str, b: str, results: Path, as_json: bool) -> None:
    """Compare B against A: records by id, or run folders cell by cell. A ratio below 1 means that B needs less.

    Records measured side by side are compared by their paired ratio; others by their intervals, which is weaker, and
    the method says which it was. Records of different groups (another machine, task or data) are not comparable:
    exit code 4; nor are doubtful numbers that were measured apart. Energy that was estimated is compared as what it is,
    processor time; no saving of joules is claimed.
    """
    pairs = _pairs(a, b, results)
    lines = [line for first, second in pairs for line in compare_records(first, second)]
    if as_json:
        click.echo(json.dumps({"a": a, "b": b, "lines": [each.to_json() for each in lines]}))
    else:
        rows = [[each.cell, each.metric, each.verdict, ratio_text(each.ratio), each.note] for each in lines]
        click.echo(table(("cell", "metric", "b is", "ratio b/a", "how"), rows))
    if lines and all(each.verdict == NOT for each in lines):
        raise click.exceptions.Exit(NOT_COMPARABLE)


def _pairs(a: str, b: str, results: Path) -> list[tuple[Record, Record]]:
    if not (Path(a).exists() and Path(b).exists()):
        return [(find_record(a, results)[0], find_record(b, results)[0])]
    left = {each.cell.id: each for each in find_records([Path(a)], strict=True)}
    right = {each.cell.id: each for each in find_records([Path(b)], strict=True)}
    shared = [cell for cell in left if cell in right]
    if not shared:
        raise BenchError(f"{a} and {b} have no cell in common")
    return [(left[cell], right[cell]) for cell in shared]


def compare_records(first: Record, second: Record) -> list[Line]:
    """Return one line a metric."""
    name = str(second.cell)
    if first.status != "ok" or second.status != "ok":
        return [Line(name, "all", None, NOT, f"a is {first.status}, b is {second.status}")]
    if first.group != second.group:
        return [Line(name, "all", None, NOT, "another machine, task version, data, scenario, batch or threads")]
    lines = [_quality(first, second, name), *(_metric(metric, first, second, name) for metric in METRICS)]
    return [_doubted(each, first, second) for each in lines]


def _doubted(line: Line, first: Record, second: Record) -> Line:
    """Say beside a comparison that a side's number is doubtful.

    Side by side, other work slows both sides: such a ratio stands beside the doubt. Of an invalid number, or of
    doubtful ones measured apart, nothing is claimed.
    """
    found = [(side, *_doubt(record, line.metric)) for side, record in (("a", first), ("b", second))]
    doubts = [f"{side} is {word}: {'; '.join(reasons)}" for side, word, reasons in found if word != "valid"]
    if not doubts:
        return line
    paired = line.ratio is not None and line.ratio.method.startswith("paired")
    usable = paired and all(word != "invalid" for _, word, _ in found)
    return replace(line, verdict=line.verdict if usable else NOT, note=" | ".join([line.note, *doubts]))


def _doubt(record: Record, metric: str) -> tuple[str, tuple[str, ...]]:
    """Return a number's verdict and reasons; of a record that doubts itself but no number, the record's."""
    reading = record.readings.get(metric)
    silent = all(each.verdict == "valid" for each in record.readings.values())
    if reading is None or (silent and metric not in TIMED):
        return "valid", ()
    if silent:
        return str(record.validity.get("verdict", "valid")), tuple(map(str, record.validity.get("reasons", ())))
    return reading.verdict, reading.reasons


def _quality(first: Record, second: Record, name: str) -> Line:
    mine, theirs = second.readings["quality"], first.readings["quality"]
    if None in (mine.low, mine.high, theirs.low, theirs.high) or mine.value is None or theirs.value is None:
        return Line(name, "quality", None, NOT, "a quality is missing")
    drop = (
        mine.facts.get("drop")
        if second.ratios.get("latency", None) and second.ratios["latency"].against == first.id
        else None
    )
    higher = bool(mine.facts.get("higher_is_better", True))
    if drop:
        low, high, how = drop["low"], drop["high"], "paired by example"
    else:
        worst, best = theirs.low - mine.high, theirs.high - mine.low  # type: ignore[operator]
        low, high, how = (worst, best, "by intervals") if higher else (-best, -worst, "by intervals")
    word = "worse" if low > 0 else "better" if high < 0 else "tie"
    return Line(name, "quality", None, word, f"{theirs.value:.4g} -> {mine.value:.4g}, {how}")


def _metric(metric: str, first: Record, second: Record, name: str) -> Line:
    paired = second.ratios.get(metric)
    if paired is not None and paired.against == first.id:
        return _line(name, metric, paired)
    mine, theirs = second.readings.get(metric), first.readings.get(metric)
    if mine is None or theirs is None or mine.value is None or theirs.value is None:
        return Line(name, metric, None, NOT, "not read on both sides")
    if metric == "energy" and (why := _unlike(mine, theirs)):
        return Line(name, metric, None, NOT, why)
    if theirs.value <= 0 or not all(each and each > 0 for each in (mine.low, mine.high, theirs.low, theirs.high)):
        return Line(name, metric, None, "tie" if mine.value == theirs.value else NOT, "no usable interval")
    ratio = unpaired_ratio((mine.value, mine.low, mine.high), (theirs.value, theirs.low, theirs.high), first.id)  # type: ignore[arg-type]
    return _line(name, metric, ratio)


def _unlike(mine: Reading, theirs: Reading) -> str:
    """Return why joules that were not measured side by side are no pair, empty when they are."""
    if (mine.class_, mine.facts.get("domains")) != (theirs.class_, theirs.facts.get("domains")):
        return f"{theirs.class_} against {mine.class_} joules"
    try:
        alike([mine, theirs])
    except ValueError as error:
        return str(error)
    return "estimated joules compare only side by side" if mine.class_ == "estimated" else ""


def _line(name: str, metric: str, ratio: Ratio) -> Line:
    if ratio.low is None or ratio.high is None:
        return Line(name, metric, ratio, NOT, f"{ratio.method}, no interval: too few launches")
    interval = Interval(ratio.value, ratio.low, ratio.high, 0.95, ratio.n or 0, ratio.method)
    if ratio.class_ == "estimated":
        words = ESTIMATED_WORDS[verdict(interval)]
        return Line(name, metric, ratio, words, f"{ratio.method} (estimated): {NO_CLAIM}")
    return Line(name, metric, ratio, verdict(interval), ratio.method)
