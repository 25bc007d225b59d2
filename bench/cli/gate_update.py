"""`bench gate --update`: writes the baseline file of a suite."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.gate_setup import Setup
from bench.gate import snapshot
from bench.gate.facts import CellFacts
from bench.run.gate.building import probe
from bench.run.gate.kept import read_file
from bench.store.files import write_atomically


def write_baseline(setup: Setup, path: Path | None) -> bool:
    """Write the file, cells that failed or were not asked for as they stood in it; returns whether any failed."""
    place = path or Path(snapshot.FILE)
    before: dict[str, CellFacts] = {}
    if place.is_file():
        _, before = read_file(place)
    parts = [probe(each, setup.bench.builder) for each in setup.parts]
    fresh = {each.side.planned.cell.id: each.facts for each in parts if each.facts.ok}
    failed = [each.facts for each in parts if not each.facts.ok]
    kept = set(before) if setup.asked.only else {each.id for each in failed} & set(before)
    cells = {**{cell: before[cell] for cell in kept}, **fresh}
    write_atomically(place, snapshot.to_text(setup.asked.suite.name, cells.values()).encode())
    for each in failed:
        click.echo(f"not in it: {each.name}: {each.status}: {each.reason}", err=True)
    click.echo(f"{place}: {len(cells)} cells, {_difference(before, cells)}")
    return any(each.status != "unsupported" for each in failed)


def _difference(before: dict[str, CellFacts], now: dict[str, CellFacts]) -> str:
    """Return how many cells are new, changed and gone."""
    same = [cell for cell in now if cell in before and _block(before[cell]) == _block(now[cell])]
    added = [cell for cell in now if cell not in before]
    gone = [cell for cell in before if cell not in now]
    return f"{len(added)} new, {len(now) - len(same) - len(added)} changed, {len(gone)} gone"


def _block(facts: CellFacts) -> str:
    return snapshot.to_text("", [facts])
