"""`bench compare`: two records, or two runs cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench.cli.comparing import NOT, Line, comparable, compare_records
from bench.cli.find import find_record
from bench.cli.setup import results_option
from bench.cli.table import ratio_text, table
from bench.errors import BenchError
from bench.record import Record
from bench.store import find_records

NOT_COMPARABLE = 4
__all__ = ["NOT", "Line", "command", "compare_records"]


@click.command("compare")
@click.argument("a")
@click.argument("b")
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(a: str, b: str, results: Path, as_json: bool) -> None:
    """Compare B against A: records by id, or run folders cell by cell. A ratio below 1 means that B needs less.

    Cells of one comparison were measured side by side, and are compared launch by launch and example by example; cells
    of one run by their intervals, which is weaker, and the method says which it was. Between runs only what is counted
    and quality are compared: of latency, memory, start-up and energy the ratio is shown and nothing claimed. Exit code
    4 when nothing can be said of latency or energy: records of different runs or groups (another machine, task or
    data), or numbers that are invalid. Energy that was estimated is compared as what it is, processor time; no saving
    of joules is claimed.
    """
    lines = [line for first, second, folder in _pairs(a, b, results) for line in compare_records(first, second, folder)]
    if as_json:
        click.echo(json.dumps({"a": a, "b": b, "lines": [each.to_json() for each in lines]}))
    else:
        rows = [[each.cell, each.metric, each.verdict, ratio_text(each.ratio), each.note] for each in lines]
        click.echo(table(("cell", "metric", "b is", "ratio b/a", "how"), rows))
    if lines and not comparable(lines):
        raise click.exceptions.Exit(NOT_COMPARABLE)


def _pairs(a: str, b: str, results: Path) -> list[tuple[Record, Record, Path | None]]:
    """Return the pairs, each with the folder of the run where both are of one."""
    if not (Path(a).exists() and Path(b).exists()):
        (first, there), (second, here) = (find_record(each, results) for each in (a, b))
        return [(first, second, here if here == there else None)]
    left = {each.cell.id: each for each in find_records([Path(a)], strict=True)}
    right = {each.cell.id: each for each in find_records([Path(b)], strict=True)}
    shared = [cell for cell in left if cell in right]
    if not shared:
        raise BenchError(f"{a} and {b} have no cell in common")
    return [(left[cell], right[cell], None) for cell in shared]
