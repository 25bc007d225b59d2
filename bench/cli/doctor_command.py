"""`bench doctor`: what can be measured here, and what to install."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.setup import open_registry
from bench.cli.table import table
from bench.doctor import (
    Finding,
    examine_environments,
    examine_machine,
    examine_meters,
    examine_noise,
    examine_offers,
    examine_timing,
    examine_watts,
    examine_zones,
    gate_promises,
)
from bench.envs import environments_folder, states, wanted_by
from bench.errors import BenchError
from bench.offer import Kind, Offer
from bench.plan import Catalogue
from bench.reading import Reading

ASK_TIMEOUT_S = 60.0
LOOK_S = 1.0


@click.command("doctor")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR",
    help="Look at a tree like /sys/class/powercap, or a dump of another machine's, and at nothing else.",
)  # fmt: skip
@click.option("--quick", "--no-noise", "quick", is_flag=True,
    help="Only look: leave out the noise floor, which takes a few seconds to measure.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(root: Path | None, quick: bool, as_json: bool) -> None:
    """Check this machine: processor, governor, load, clock, noise, meters and permissions, packages and plugins.

    The noise floor is measured by launches of two identical artifacts, as a gate measures; from it follows the smallest
    slow-down that a gate can find here in 10, 30 and 60 seconds. Of each meter that can read here it says how often a
    value comes, how long a window must last for 1 %, and what is made of its zones. Give --root to see zones, sums and
    present watts of any tree.
    """
    registry, catalogue = open_registry()
    noise: dict[str, Any] = {}
    if root is not None:
        findings = _tree(root, catalogue)
    else:
        findings = examine_machine()
        if not quick:
            measured, noise = _noise()
            findings += measured
        findings += [*_meters(catalogue), *_offers(catalogue, registry.problems), *_environments(catalogue)]
    if as_json:
        click.echo(json.dumps({"findings": [vars(each) for each in findings], **noise}))
        return
    rows = [[each.state, each.subject, each.seen, each.cure] for each in findings]
    click.echo(table(("", "what", "seen", "what to do"), rows))


def _noise() -> tuple[list[Finding], dict[str, Any]]:
    """Measure the noise floor; return what it means, and the figures themselves for the JSON document."""
    from bench.run.noise import measure_noise

    if sys.stderr.isatty():
        click.echo("measuring the noise floor, a few seconds (--quick leaves it out)", err=True)
    try:
        noise = measure_noise()
    except BenchError as error:
        return [Finding("noise", "problem", error.message)], {}
    promises = gate_promises(noise)
    return examine_noise(noise, promises), {"noise": {**vars(noise), "gate": promises}}


def _meters(catalogue: Catalogue) -> list[Finding]:
    offers = {each.name: each for each in catalogue.of("meter")}
    reasons: dict[str, str | None] = {name: catalogue.missing(each) for name, each in offers.items()}
    answers = {name: _asked(each, {}) for name, each in offers.items() if reasons[name] is None}
    reasons |= {name: each["reason"] for name, each in answers.items()}
    classes = {name: str(each.facts.get("class", "measured")) for name, each in offers.items()}
    return examine_meters(reasons, classes, answers)


def _tree(root: Path, catalogue: Catalogue) -> list[Finding]:
    """Let every meter that reads a tree and can list its zones look at this one."""
    findings: list[Finding] = []
    options = {"root": str(root.resolve())}
    for offer in catalogue.of("meter"):
        if offer.option("root") is None or catalogue.missing(offer) is not None:
            continue
        answer = _asked(offer, options, timing=False)
        findings += examine_zones(offer.name, answer)
        if answer["zones"] and answer["reason"] is None:
            watts = _watts(offer, options)
            findings.append(examine_watts(offer.name, watts))
            if watts.value is not None:  # a dump stands still, and would only be waited for
                findings += examine_timing(offer.name, _asked(offer, options))
    if not findings:
        raise BenchError(f"no meter finds a zone under {root}", cure="give a tree like /sys/class/powercap")
    return findings


def _asked(offer: Offer, options: Mapping[str, Any], *, timing: bool = True) -> dict[str, Any]:
    """Ask a worker of its own about a meter; gauges take minutes to time, so they are not."""
    timed = timing and offer.facts.get("kind") != "gauge"
    meters = {offer.name: {"target": offer.target, "options": dict(options)}}
    try:
        return dict(_request("available", {"meters": meters, "timing": timed})["meters"][offer.name])
    except BenchError as error:
        return {"reason": error.message, "zones": []}


def _watts(offer: Offer, options: Mapping[str, Any]) -> Reading:
    meter = {"target": offer.target, "options": dict(options)}
    try:
        return Reading.from_json(_request("idle", {"meter": meter, "seconds": LOOK_S})["reading"])
    except BenchError as error:
        return Reading.missing("J", error.message)


def _request(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    from bench.run import spawn_child

    worker = spawn_child(1, None)
    try:
        return worker.request(verb, arguments, timeout_s=ASK_TIMEOUT_S).data
    finally:
        worker.close()


def _environments(catalogue: Catalogue) -> list[Finding]:
    """Look at the environments that offers ask for, and at the disk that one more would lie on."""
    import shutil

    place = environments_folder()
    there = next(each for each in (place, *place.parents) if each.exists())
    return examine_environments(states(wanted_by(catalogue.offers)), shutil.disk_usage(there).free)


def _offers(catalogue: Catalogue, problems: Sequence[str]) -> list[Finding]:
    kinds: tuple[Kind, ...] = ("backend", "task")
    missing = {f"{kind} {each.name}": catalogue.missing(each) for kind in kinds for each in catalogue.of(kind)}
    return examine_offers(missing, problems)
