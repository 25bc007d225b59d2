"""What `bench gate --against REVISION` runs in the revision's environment: builds its suite, times nothing.

`python -m bench.cli.gate_build ASKED.json`, ASKED holding {"suite", "plugins", "only", "code", "output"}; the answer is
written to `output`. No command of people: it has no help and no promise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.run_command import refuse_code, settings_of
from bench.cli.setup import open_registry, open_suite
from bench.errors import BenchError
from bench.gate import snapshot
from bench.machine import machine_facts
from bench.plan import make_plan
from bench.run.build import Builder
from bench.run.gate import Part, build_parts
from bench.run.gate.building import probe
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.store.files import write_json
from bench.suite import matches


def main(words: Sequence[str]) -> int:
    """Build what is asked for; returns the exit code."""
    asked = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    try:
        write_json(Path(asked["output"]), build(asked))
    except BenchError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    return 0


def build(asked: dict[str, Any]) -> dict[str, Any]:
    """Return every cell of the suite as built: facts, artifacts and backends by cell, and why others have none."""
    registry, catalogue = open_registry(asked["plugins"])
    suite, catalogue = open_suite(asked["suite"], registry, catalogue)
    if not asked["code"]:
        refuse_code(suite, catalogue)
    cells = [each for each in suite.cells() if _wanted(each, asked["only"])]
    plan, settings = make_plan(cells, catalogue), settings_of(suite, catalogue, in_process=False)
    metering = Metering(settings, catalogue, _say)
    builder = Builder(settings, catalogue, Ledger(), metering, plan)
    built = build_parts(plan, builder, metering, machine_facts(), lambda kind, text: _say(f"{kind}: {text}"))
    return answer(suite.name, [probe(each, builder) for each in built])


def answer(suite: str, parts: Sequence[Part]) -> dict[str, Any]:
    """Return built parts as JSON."""
    good = {each.side.planned.cell.id: each for each in parts if each.facts.ok and each.side.artifact is not None}
    others = {each.side.planned.cell.id: each.facts for each in parts if each.side.planned.cell.id not in good}
    return {
        "facts": snapshot.to_text(suite, [each.facts for each in good.values()]),
        "artifacts": {cell: each.side.artifact.to_json() for cell, each in good.items() if each.side.artifact},
        "backends": {cell: each.comparison.backend.to_json() for cell, each in good.items()},
        "others": {cell: {"name": f.name, "status": f.status, "reason": f.reason} for cell, f in others.items()},
    }


def _wanted(cell: Any, only: Sequence[str]) -> bool:
    """Whether a cell is selected; fitting nothing here is no mistake, since cells may be newer than this revision."""
    return all(matches(cell, each) for each in only) or (bool(only) and cell.is_baseline)


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
