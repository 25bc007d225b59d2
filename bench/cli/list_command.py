"""`bench list`: what is on offer here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from bench.cli.setup import open_registry, plugin_option, strict_option, suite_folders
from bench.cli.table import table
from bench.offer import KINDS, Offer, Option
from bench.plan import Catalogue
from bench.registry import Registry

PLURALS = {f"{kind}s": kind for kind in KINDS}
EVERYTHING = [*PLURALS, "suites", "plugins"]


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(EVERYTHING), metavar="[KIND]")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@strict_option
def command(kind: str | None, plugins: Sequence[str], as_json: bool, strict_plugins: bool) -> None:
    """List what is on offer: tasks, compressors, converters, backends, meters, counters, metrics, suites or plugins.

    Without KIND everything is listed. What cannot work here is shown with the reason and the cure.
    """
    registry, catalogue = open_registry(plugins, strict=strict_plugins)
    wanted = [kind] if kind else EVERYTHING
    if as_json:
        click.echo(json.dumps({each: _data(each, registry, catalogue) for each in wanted}))
        return
    for index, each in enumerate(wanted):
        click.echo(("\n" if index else "") + f"{each}:")
        click.echo(_text(each, registry, catalogue))


def _data(kind: str, registry: Registry, catalogue: Catalogue) -> list[dict[str, Any]]:
    if kind == "suites":
        return _suites(registry)
    if kind == "plugins":
        return [{"name": name, **facts} for name, facts in registry.plugins.items()]
    offers = catalogue.of(PLURALS[kind])
    return [{**each.to_json(), "missing": catalogue.missing(each)} for each in offers]


def _suites(registry: Registry) -> list[dict[str, Any]]:
    found = [path for folder in suite_folders(registry) for path in sorted(folder.glob("*.yaml"))]
    return [{"name": path.stem, "about": _about(path)} for path in found]


def _about(path: Any) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("about:"):
            return str(line.partition(":")[2].strip())
    return ""


def _text(kind: str, registry: Registry, catalogue: Catalogue) -> str:
    if kind == "suites":
        return table(("name", "about"), [[each["name"], each["about"]] for each in _suites(registry)])
    if kind == "plugins":
        rows = [[name, f["module"], f"{f['distribution']} {f['version']}"] for name, f in registry.plugins.items()]
        return table(("name", "module", "from"), rows)
    offers = list(catalogue.of(PLURALS[kind]))
    return table(
        ("name", "formats", "options", "what it does", "installed"), [_row(each, catalogue) for each in offers]
    )


def _row(offer: Offer, catalogue: Catalogue) -> list[str]:
    formats = " -> ".join("|".join(each) for each in (offer.accepts, offer.produces) if each)
    options = " ".join(_option(each) for each in offer.options)
    return [offer.name, formats, options, offer.summary, catalogue.missing(offer) or "yes"]


def _option(option: Option) -> str:
    return f"{option.name}=…" if option.required else f"{option.name}={json.dumps(option.default)}"
