"""`bench check`: whether the backends of a plugin keep the rules that make numbers comparable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench.cli.setup import open_registry, strict_option
from bench.cli.table import table
from bench.errors import BenchError, Unsupported, did_you_mean

FAILED, NOTHING_TESTED = 1, 3


@click.command("check")
@click.argument("plugin")
@click.option("--backend", "only", metavar="NAME", help="One backend of the plugin; all when left out.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the backend; may be given again."
)
@click.option("--task", default="toy", show_default=True, metavar="NAME", help="The task whose model is opened.")
@click.option(
    "--tolerance", default=1e-3, show_default=True, type=click.FloatRange(min=0), help="Of outputs; see the guide."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@strict_option
def command(
    plugin: str,
    only: str | None,
    options: Sequence[str],
    task: str,
    tolerance: float,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Run the conformance kit on every backend of PLUGIN: an installed plugin's name, or a one-file plugin.

    A backend opens a small task's model and is compared with another backend. Exit code 0 when every rule that could be
    tested is kept, 1 when one is broken, 3 when a backend cannot run here.
    """
    from bench.testing.checking import Checker, Question, backends_of

    file = plugin.endswith(".py")
    registry, catalogue = open_registry([plugin] if file else [], strict=strict_plugins)
    name = Path(plugin).name if file else plugin
    if not file and name not in registry.plugins:
        raise BenchError(f"no plugin is called '{name}'.{did_you_mean(name, registry.plugins)}")
    offers = [each for each in backends_of(name, catalogue) if only in (None, each.name)]
    if not offers:
        raise BenchError(f"plugin '{name}' has no backend '{only}'")
    checker, found = Checker(catalogue), {}
    for offer in offers:
        click.echo(f"checking {offer.name} …", err=True)
        try:
            asked = Question(offer, _options(offer, options), task, tolerance)
            found[offer.name] = [asdict(each) for each in checker.check(asked).findings]
        except Unsupported as error:
            found[offer.name] = [{"check": "all", "status": "skipped", "note": error.message}]
    _show(found, as_json)
    raise SystemExit(_code(found))


def _options(offer: Any, words: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE, the value as JSON where it is JSON. Raises BenchError for what the backend does not take."""
    from bench.suite.vocabulary import check_options

    values: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    if problems := check_options([offer], values):
        raise BenchError(f"--option: {problems[0].message}")
    return values


def _show(found: Mapping[str, Sequence[Mapping[str, Any]]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"backends": found}))
        return
    rows = [[name, str(f["check"]), str(f["status"]), str(f["note"])] for name, each in found.items() for f in each]
    click.echo(table(("backend", "check", "found", "what"), rows))


def _code(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """Return the exit code: nothing tested is not the same as kept."""
    states = [{str(each["status"]) for each in findings} for findings in found.values()]
    if any("failed" in each for each in states):
        return FAILED
    return 0 if all("passed" in each for each in states) else NOTHING_TESTED
