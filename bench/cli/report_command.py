"""`bench report`: results to a leaderboard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.setup import open_registry, strict_option
from bench.errors import BenchError
from bench.record import Record
from bench.registry import Registry
from bench.store import find_records


@click.command("report")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    metavar="DIR",
    help="Folder of the page.",
)
@click.option("--title", default="Compression leaderboard", show_default=True, help="The page's title.")
@strict_option
def command(results: Sequence[Path], output: Path, title: str, strict_plugins: bool) -> None:
    """Render RESULTS (run folders, folders of runs, or records.jsonl files) as one self-contained page.

    Needs no framework and no plugin: records made anywhere can be rendered here.
    """
    from bench.publish import write_site

    records = find_records(results, strict=True)
    if not records:
        raise BenchError("there is no record in these results")
    registry, _ = open_registry(strict=strict_plugins)
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    columns = extra_columns(registry, records)
    click.echo(write_site(records, output, title=title, generated=now, extra_columns=columns))


def extra_columns(registry: Registry, records: Sequence[Record]) -> Mapping[str, Sequence[Any]]:
    """Return the columns that plugins add; a plugin that fails is named and its columns left out."""
    data = [each.to_json() for each in records]
    columns: dict[str, Sequence[Any]] = {}
    for implementation in registry.manager.hook.bench_report_columns.get_hookimpls():
        try:
            found: Any = implementation.function(records=data)
            columns |= {str(title): list(values) for title, values in found.items() if len(values) == len(data)}
        except Exception as error:  # noqa: BLE001 - a column is not worth a page
            click.echo(f"warning: columns of '{implementation.plugin_name}' left out: {error}", err=True)
    return columns
