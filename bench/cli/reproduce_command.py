"""`bench reproduce`: measure a record's comparison again, and say whether it fell where a rerun falls."""

from __future__ import annotations

import itertools
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.find import find_record
from bench.cli.progress import clean
from bench.cli.run_command import SOME_FAILED, execute, refuse_code
from bench.cli.setup import FolderPath, open_registry, open_suite, plugin_option, results_option, strict_option
from bench.errors import BenchError
from bench.plan import make_plan
from bench.record import Record
from bench.store import RunFolder
from bench.suite import Suite
from bench.validate.reproduced import Reproduction, behind_record, not_comparable, reproduced, why_not

OUTSIDE, NOT_COMPARABLE = 1, 4


@click.command("reproduce")
@click.argument("record")
@plugin_option
@results_option
@click.option("--suite", metavar="SUITE", help="The suite that the record is of, where it is no longer where it was.")
@click.option("-o", "--output", type=FolderPath(), metavar="DIR", help="Folder of the new run.")
@click.option(
    "--allow-code", is_flag=True, help="Let the suite run code it names (module:factory, a program as `command`)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@strict_option
def command(
    record: str,
    plugins: Sequence[str],
    results: Path,
    suite: str | None,
    output: Path | None,
    allow_code: bool,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Measure the comparison of RECORD again: the cell and its baseline, side by side, in a new run.

    RECORD is an id or its unique beginning. The new ratio is held against the record's 95 % prediction interval, which
    says where the ratio of a rerun falls; a confidence interval says where the truth lies, and holds 83 % of reruns.
    Exit code 0 when the new ratio is inside, 1 when outside, 3 when the cell failed, 4 when the two cannot be compared
    (another machine, task or data; invalid numbers; a single launch). Plugins given as files and --allow-code are to
    be given again: a record is trusted with neither.
    """
    found, place = find_record(record, results)
    if reason := why_not(found):
        raise BenchError(f"record {found.id} cannot be reproduced: {reason}")
    facts = RunFolder(place).facts()
    _ask_for_plugins(facts, plugins)
    registry, catalogue = open_registry(plugins, strict=strict_plugins)
    description, catalogue = open_suite(suite or _suite_of(facts, place), registry, catalogue)
    if not allow_code:
        refuse_code(description, catalogue)
    _refuse_another(description, found)
    folder = output or Path("results") / f"reproduce-{found.id}-{time.strftime('%Y%m%d-%H%M%S')}"
    plan = make_plan([found.cell.baseline(), found.cell], catalogue)
    outcome, _ = execute(plan, catalogue, registry, description, folder, _again(facts, suite))
    new = next(each for each in outcome.records if each.cell.id == found.cell.id)
    _tell(found, place, new, folder, as_json)


def _suite_of(facts: Mapping[str, Any], place: Path) -> str:
    """Return the suite of a run as it was called: what `bench try` made up lies beside its results."""
    own = place / "suite.yaml"
    if own.is_file():
        return str(own)
    words = shlex.split(str(facts.get("reproduce", "")))
    if words[:2] != ["bench", "run"] or len(words) < 3:
        raise BenchError(f"{place} does not say which suite it is of", cure="name it with --suite")
    return words[2]


def _ask_for_plugins(facts: Mapping[str, Any], plugins: Sequence[str]) -> None:
    """Raise BenchError for files that the run was given and this one is not: what a record names is never loaded."""
    words = shlex.split(str(facts.get("reproduce", "")))
    owed = [each for before, each in itertools.pairwise(words) if before in ("-p", "--plugin")]
    if owed and not plugins:
        named = " ".join(owed)[:300]
        raise BenchError(
            f"its run was given plugins of its own: {named}", cure="read them, and give them again with -p"
        )


def _refuse_another(suite: Suite, record: Record) -> None:
    if record.cell.id not in {each.id for each in suite.cells()}:
        raise BenchError(
            f"the suite '{suite.name}' ({suite.source}) has no cell {record.cell}",
            cure="it was edited since, or is another: name the record's own with --suite",
        )


def _again(facts: Mapping[str, Any], suite: str | None) -> str:
    return shlex.join(["bench", "run", suite]) if suite else str(facts.get("reproduce", ""))


def _tell(record: Record, place: Path, new: Record, folder: Path, as_json: bool) -> None:
    """Print what came out, and exit with the code that says it."""
    if new.status != "ok":
        _show({"record": record.id, "inside": None, "reason": f"{new.status}: {new.reason}"}, as_json)
        raise click.exceptions.Exit(SOME_FAILED)
    if reason := not_comparable(record, new):
        _show({"record": record.id, "inside": None, "reason": f"not comparable: {reason}"}, as_json)
        raise click.exceptions.Exit(NOT_COMPARABLE)
    old, now = (_launches(each, at) for each, at in ((record, place), (new, folder)))
    result = reproduced(record, old, new, now)
    if as_json:
        click.echo(json.dumps({**result.to_json(), "folder": str(folder)}, allow_nan=False))
    else:
        click.echo(clean(_text(result)))
    if not result.inside:
        raise click.exceptions.Exit(OUTSIDE)


def _launches(record: Record, place: Path) -> list[Any]:
    return behind_record(record, RunFolder(place).journal.read(record.cell.comparison))


def _show(document: Mapping[str, Any], as_json: bool) -> None:
    text = json.dumps(document) if as_json else f"{document['record']}: {document['reason']}"
    click.echo(clean(text))


def _text(result: Reproduction) -> str:
    predicted = result.predicted
    lines = [
        f"{result.record.id}  {result.record.cell}",
        f"record     {result.said:.4f}x its baseline by {result.channel}, {predicted.n} launches",
        f"predicted  [{predicted.low:.4f}, {predicted.high:.4f}] for a rerun of {result.launches} launches, 95 %",
        f"again      {result.found:.4f}x: {'inside' if result.inside else 'OUTSIDE'}",
    ]
    return "\n".join([*lines, *(f"note       {each}" for each in result.notes)])
