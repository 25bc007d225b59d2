"""`bench report`: results to a leaderboard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.price import Terms, priced_columns
from bench.cli.progress import clean
from bench.cli.setup import FolderPath, open_registry, strict_option
from bench.errors import BenchError
from bench.record import Record
from bench.registry import Registry
from bench.store import find_records

PRICE = click.FloatRange(min=0)


@click.command("report")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=FolderPath(),
    default=Path("site"),
    show_default=True,
    metavar="DIR",
    help="Folder of the page.",
)
@click.option("--title", default="Compression leaderboard", show_default=True, help="The page's title.")
@click.option("--country", metavar="CODE", help="Add a column of carbon: three letters of a country, as in FRA.")
@click.option("--region", metavar="NAME", help="A region of the country: a state of the USA, say.")
@click.option("--price-kwh", type=PRICE, metavar="PRICE", help="Add a column of cost by electricity.")
@click.option("--price-hour", type=PRICE, metavar="PRICE", help="Add a column of cost by machine-hours.")
@click.option("--currency", metavar="CODE", help="Of the prices, as in EUR.")
@strict_option
def command(
    results: Sequence[Path],
    output: Path,
    title: str,
    country: str | None,
    region: str | None,
    price_kwh: float | None,
    price_hour: float | None,
    currency: str | None,
    strict_plugins: bool,
) -> None:
    """Render RESULTS (run folders, folders of runs, or records.jsonl files) as one self-contained page.

    Needs no framework and no plugin: records made anywhere can be rendered here. Carbon and cost are columns of their
    own, only when a place or a price is given; carbon factors come from a plugin's offline tables.
    """
    from bench.publish import write_site

    records = find_records(results, strict=True, say=lambda text: click.echo(f"note: {clean(text)}", err=True))
    if not records:
        raise BenchError("there is no record in these results")
    registry, _ = open_registry(strict=strict_plugins)
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    priced, notes = priced_columns(records, Terms(country, region, price_kwh, price_hour, currency), registry)
    columns = {**extra_columns(registry, records), **priced}
    click.echo(write_site(records, output, title=title, generated=now, extra_columns=columns, notes=notes))


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
