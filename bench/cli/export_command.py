"""`bench export`: records for spreadsheets, for tools that keep a history, and as badges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.errors import BenchError
from bench.record import Record

RECORDS = ("csv", "json", "pytest-benchmark")
BADGES = ("badge-svg", "badge-json")
GATES = ("gate-md", "code-quality")
FORMATS = (*RECORDS, *BADGES, *GATES)


@click.command("export")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where; stdout when left out.")
@click.option("--record", metavar="ID", help="A badge's record: its id or the beginning of it.")
@click.option("--metric", default="latency", show_default=True, help="A badge's metric.")
@click.option("--ratio", is_flag=True, help="A badge of the ratio to the baseline, not of the value itself.")
def command(
    results: tuple[Path, ...], format_: str, output: Path | None, record: str | None, metric: str, ratio: bool
) -> None:
    """Write RESULTS (run folders, records.jsonl files) in the format of another tool.

    csv and json hold one row a record. pytest-benchmark is what `pytest-benchmark compare` and github-action-benchmark
    read; it needs the runs' journals. A badge is of one record, or of a gate: give its gate.json, or the folder that
    holds it, as RESULTS. gate-md is a gate as a comment for a pull request, code-quality as GitLab's report. What is
    estimated is marked as such in every format, and what strangers named stays text.
    """
    if format_ in BADGES:
        text = _badge(results, format_, record, metric, ratio)
    else:
        text = _records(results, format_) if format_ in RECORDS else _of_gate(results, format_)
    if output is None:
        click.echo(text, nl=False)
        return
    from bench.store.files import write_atomically

    try:
        write_atomically(output, text.encode("utf-8"))
    except OSError as error:
        raise BenchError(f"cannot write to {output}: {error.strerror}", cure="choose another file with -o") from error


def _records(results: Sequence[Path], format_: str) -> str:
    from bench.publish.export import csv_text, history, json_text
    from bench.store import find_records

    records = find_records(results, strict=True)
    if format_ == "csv":
        return csv_text(records)
    if format_ == "json":
        return json_text(records)
    calls = _calls(results, records)
    left = [each for each in records if each.status == "ok" and each.cell.id not in calls]
    if left:
        click.echo(f"warning: left out {len(left)} records whose calls are not in a journal beside them", err=True)
    if not calls:
        raise BenchError("no calls are kept beside these records", cure="give the folder of a run, with its journal/")
    return history(records, calls)


def _calls(results: Sequence[Path], records: Sequence[Record]) -> dict[str, Any]:
    """Return the counted wall times of every cell, seconds, from the journals beside the records."""
    import numpy as np

    from bench.derive.launches import calls
    from bench.store import Journal

    folders = [each if each.is_dir() else each.parent for each in results]
    journals = [Journal(place) for each in folders for place in sorted({each / "journal", *each.glob("*/journal")})]
    found: dict[str, Any] = {}
    for record in records:
        cell = record.cell.id
        launches = [
            each for journal in journals for each in journal.read(record.cell.comparison) if cell in each.samples
        ]
        mine = [each for each in launches if record.artifact in (None, each.meta["artifacts"].get(cell))]
        if mine:
            found[cell] = np.concatenate([calls(each, cell).ravel() for each in mine]).tolist()
    return found


def _of_gate(results: Sequence[Path], format_: str) -> str:
    """Return a gate rendered anew; its file may come from a stranger."""
    from bench.gate.render import code_quality, md_comment

    report = _gate(results)
    if report is None:
        raise BenchError(f"--format {format_} is of a gate", cure="give its gate.json, or the folder that holds it")
    try:
        return md_comment(report) if format_ == "gate-md" else code_quality(report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise BenchError(f"{results[0]} is no report of a gate: {type(error).__name__}: {error}") from error


def _badge(results: Sequence[Path], format_: str, record: str | None, metric: str, ratio: bool) -> str:
    from bench.gate.badge import endpoint, gate_badge, record_badge, svg

    gate = _gate(results)
    badge = gate_badge(gate) if gate else record_badge(_one(results, record), metric, ratio=ratio)
    return svg(badge) if format_ == "badge-svg" else endpoint(badge)


def _gate(results: Sequence[Path]) -> Any:
    """Return the report of a gate when that is what was given, None for records."""
    from bench.gate.verdicts import GateReport

    if len(results) != 1:
        return None
    place = results[0] / "gate.json" if results[0].is_dir() else results[0]
    if place.suffix != ".json" or not place.is_file():
        return None
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(data, Mapping):
            raise BenchError(f"{place} is no report of a gate")
        return GateReport.from_json(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{place} is no report of a gate: {type(error).__name__}: {error}") from error


def _one(results: Sequence[Path], name: str | None) -> Record:
    from bench.store import find_records

    records = find_records(results, strict=True)
    hits = [each for each in records if name is None or each.id.startswith(name) or each.cell.id.startswith(name)]
    if len(hits) == 1:
        return hits[0]
    listed = "\n".join(f"  {each.id}  {each.cell}" for each in (hits or records)[:10])
    what = f"'{name}' fits" if name else "a badge shows one record, and here are"
    raise BenchError(f"{what} {len(hits)}:\n{listed}", cure="name one with --record ID")
