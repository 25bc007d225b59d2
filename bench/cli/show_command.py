"""`bench show`: one record, every number with its interval and how it was obtained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench.cli.audit_text import audit_text
from bench.cli.cost_text import cost_text
from bench.cli.find import find_record
from bench.cli.progress import clean
from bench.cli.setup import results_option
from bench.cli.table import ratio_text, reading_text
from bench.derive.conversion import conversion_text
from bench.derive.payback import NO_CLAIM
from bench.reading import Reading
from bench.record import Record
from bench.units import format_quantity


@click.command("show")
@click.argument("record")
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def command(record: str, results: Path, as_json: bool) -> None:
    """Show RECORD, an id or its unique beginning (a cell's id works too)."""
    found, folder = find_record(record, results)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
        return
    click.echo(clean("\n".join(_lines(found, folder))))


def _lines(record: Record, folder: Path) -> Iterator[str]:
    yield f"{record.id}  {record.cell}"
    yield f"status    {record.status}" + (f": {record.reason}" if record.reason else "")
    yield f"validity  {record.validity.get('verdict')}" + "".join(
        f"\n  - {each}" for each in record.validity.get("reasons", [])
    )
    yield f"run       {folder}   group {record.group}   launches {record.launches}"
    yield from _readings(record)
    yield from _ratios(record)
    yield from _limits(record.limits)
    yield from audit_text(record.audit)
    yield from _lineage(record)
    yield from cost_text(record)
    yield "\nmachine   " + ", ".join(f"{k} {v}" for k, v in record.machine.items() if v is not None)
    yield "versions  " + json.dumps(record.versions)
    yield f"reproduce {record.reproduce}"
    if record.detail:
        yield f"\n{record.detail}"


def _readings(record: Record) -> Iterator[str]:
    if record.readings:
        yield "\nreadings"
    for name, reading in record.readings.items():
        yield f"  {name:<16}{reading_text(reading, interval=True):<30}  {_how(reading)}"
        for quantile, values in reading.facts.get("quantiles", {}).items():
            low, high = (format_quantity(v, "s") if v is not None else "?" for v in values[1:])
            yield f"    {quantile:<14}{format_quantity(values[0], 's')}  [{low}, {high}]"
        if drop := reading.facts.get("drop"):
            ends = (drop["low"], drop["high"])
            low, high = ("?" if end is None else format_quantity(end, reading.unit) for end in ends)
            yield (
                f"    {'drop':<14}{format_quantity(drop['value'], reading.unit)}  [{low}, {high}]"
                f"  (examples won {drop['gained']}, lost {drop['lost']})"
            )
        if reading.unit == "J" and reading.value is not None and reading.class_ != "estimated":
            yield from _joules(reading)


def _joules(reading: Reading) -> Iterator[str]:
    """Say of joules that were read in windows how they were obtained, and what is left net of idle."""
    facts = reading.facts
    lost = facts["n_invalid"] or "none"
    parts = [f"{facts['n_windows']} windows of {format_quantity(facts['window_s'], 's')}, {lost} lost"]
    parts += [
        f"a new value every {format_quantity(facts['period_s'], 's')}",
        f"{facts['kind']}, {facts['meter_version']}",
    ]
    parts += [f"{name} {facts[name]:.1%}" for name in ("share", "steal") if facts.get(name) is not None]
    yield f"    {'windows':<14}{'; '.join(parts)}"
    doubt = [f"{name.removesuffix('_j')} {format_quantity(each, 'J')}" for name, each in facts["uncertainty"].items()]
    yield f"    {'uncertainty':<14}{', '.join(doubt)}"
    for name, each in facts.get("by_domain", {}).items():
        yield f"    {name:<14}{format_quantity(each, 'J')}"
    if facts.get("net") is not None:
        low, high = (_joule(facts.get(end)) for end in ("net_low_j", "net_high_j"))
        flags = "".join(f"  {each}" for each in facts.get("flags", []))
        idle = f"idle {format_quantity(facts['idle_w'], 'W')}"
        yield f"    {'net of idle':<14}{format_quantity(facts['net'], 'J')}  [{low}, {high}]  {idle}{flags}"


def _joule(value: float | None) -> str:
    return "?" if value is None else format_quantity(value, "J")


def _how(reading: Reading) -> str:
    parts: list[str] = [reading.class_ if reading.verdict == "valid" else f"{reading.class_} ({reading.verdict})"]
    parts += [f"by {reading.meter}"] if reading.meter else []
    parts += [f"n {reading.n}"] if reading.n and reading.class_ != "counted" else []
    parts += [f"domains {', '.join(reading.facts['domains'])}"] if reading.facts.get("domains") else []
    parts += [reading.reason] if reading.reason else []
    parts += [reading.facts["not_ranked"]] if reading.facts.get("not_ranked") else []
    for coefficients in _each(reading.facts.get("coefficients")):
        declared = coefficients.get("watts")
        watts = (
            f"{coefficients.get('watts_per_cpu')} W per busy processor"
            if declared is None
            else f"{declared} W declared"
        )
        parts.append(f"{watts}, x/÷ {coefficients.get('factor')}")
    parts += [f"not measured: {why}"] if (why := reading.facts.get("not_measured")) else []
    return ", ".join(str(each) for each in parts)


def _each(coefficients: Any) -> list[Mapping[str, Any]]:
    """Return the coefficients of each part of a sum; a number that is no sum has one set of them, or none."""
    return list(coefficients) if isinstance(coefficients, (list, tuple)) else [coefficients] if coefficients else []


def _ratios(record: Record) -> Iterator[str]:
    if record.ratios:
        yield "\nratios (below 1: less)"
    for name, own in record.ratios.items():
        ratio = replace(own, class_=record.class_of_ratio(name))
        note = "  ci-not-reached" if ratio.facts.get("ci_not_reached") else ""
        note += "  descheduled: only processor time can be trusted" if ratio.facts.get("descheduled") else ""
        claim = f"  {NO_CLAIM}" if ratio.class_ == "estimated" else ""
        yield f"  {name:<16}{ratio_text(ratio):<33}  {ratio.method} against {ratio.against}{note}{claim}"


def _limits(limits: Mapping[str, Any]) -> Iterator[str]:
    if limits:
        yield "\nlimits"
    words = {True: "kept", False: "BROKEN", None: "not known"}
    for name, each in limits.items():
        yield f"  {name:<16}{words[each['ok']]:<12}limit {each['limit']:g}, read {each['value']}"


def _lineage(record: Record) -> Iterator[str]:
    if record.lineage:
        yield "\nlineage"
    for each in record.lineage:
        seconds = f"{each.get('seconds') or 0:.1f} s" + (
            f", of it training {each['train_s']:.1f} s" if each.get("train_s") else ""
        )
        yield f"  {each.get('from')} -> {each.get('step')} -> {each.get('to')}  {each.get('options') or ''}  {seconds}"
        if each.get("conversion"):
            yield f"    {conversion_text(each['conversion'])}"
        if each.get("facts"):
            yield f"    {json.dumps(each['facts'])}"
        yield from (f"    {line}" for line in each.get("log", []))
