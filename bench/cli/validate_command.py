"""`bench validate`: the submission checker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli.progress import clean
from bench.errors import BenchError
from bench.store import Cache, cache_folder
from bench.validate import Report, check

REJECTED = 1


@click.command("validate")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--division", type=click.Choice(["closed", "open"]), help="Division that they are submitted to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(results: Sequence[Path], division: str | None, as_json: bool) -> None:
    """Check RESULTS, folders of runs, as submissions: derive every number again from the raw samples.

    Exit code 0 when all are accepted, 1 when one is rejected, with a sentence for each reason.
    """
    cache = Cache(cache_folder())
    reports = [check(each, cache=cache, wanted=division) for place in results for each in _runs(place)]
    accepted = all(each.accepted for each in reports)
    if as_json:
        document = {"accepted": accepted, "submissions": [each.to_json() for each in reports]}
        click.echo(json.dumps(document, allow_nan=False))
    else:
        for report in reports:
            _show(report)
    if not accepted:
        raise click.exceptions.Exit(REJECTED)


def _show(report: Report) -> None:
    for finding in report.findings:
        click.echo(clean(str(finding)))
    for note in report.notes:
        click.echo(clean(f"note: {note}"), err=True)
    verdict = "accepted" if report.accepted else f"rejected, {len(report.findings)} findings"
    click.echo(clean(f"{report.path}: {report.records} records, {report.division} division, {verdict}"))


def _runs(place: Path) -> list[Path]:
    """Return the folders of runs at a place. Raises BenchError where there is none, or a file is named."""
    if place.is_file():
        raise BenchError(f"{place} is a file", cure="name the folder of the run: its samples are needed too")
    if (place / "records.jsonl").exists():
        return [place]
    found = sorted(each.parent for each in place.glob("*/records.jsonl"))
    if not found:
        raise BenchError(f"no run in {place}", cure="name the folder of a run: results/<suite>-<stamp>")
    return found
