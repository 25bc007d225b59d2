"""`bench doctor`: what can be measured here, and what to install."""

from __future__ import annotations

import json

import click

from bench.cli.setup import open_registry
from bench.cli.table import table
from bench.doctor import Finding, examine_machine, examine_meters, examine_offers
from bench.errors import BenchError
from bench.offer import Kind
from bench.plan import Catalogue

ASK_TIMEOUT_S = 30.0


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> None:
    """Check this machine: processor, governor, load, clock, meters and permissions, packages and plugins."""
    registry, catalogue = open_registry()
    findings = [*examine_machine(), *_meters(catalogue), *_offers(catalogue, registry.problems)]
    if as_json:
        click.echo(json.dumps({"findings": [vars(each) for each in findings]}))
        return
    rows = [[each.state, each.subject, each.seen, each.cure] for each in findings]
    click.echo(table(("", "what", "seen", "what to do"), rows))


def _meters(catalogue: Catalogue) -> list[Finding]:
    from bench.run import spawn_child

    offers = {each.name: each for each in catalogue.of("meter")}
    reasons = {name: catalogue.missing(each) for name, each in offers.items()}
    usable = {name: each.target for name, each in offers.items() if reasons[name] is None}
    if usable:
        worker = spawn_child(1, None)
        try:
            reasons |= worker.request("available", {"meters": usable}, timeout_s=ASK_TIMEOUT_S).data["reasons"]
        except BenchError as error:
            reasons |= dict.fromkeys(usable, error.message)
        finally:
            worker.close()
    return examine_meters(reasons, {name: str(each.facts.get("class", "measured")) for name, each in offers.items()})


def _offers(catalogue: Catalogue, problems: tuple[str, ...]) -> list[Finding]:
    kinds: tuple[Kind, ...] = ("backend", "task")
    missing = {f"{kind} {each.name}": catalogue.missing(each) for kind in kinds for each in catalogue.of(kind)}
    return examine_offers(missing, problems)
