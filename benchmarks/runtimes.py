"""The same trained models on every runtime, side by side: `python benchmarks/runtimes.py [--json | --table] [--quick]`.

What `suites/runtimes.yaml` names is built and graded as `bench run` does; then every runtime is measured beside torch's
eager float model, in interleaved launches, so that a ratio compares what ran within seconds of one another. Agreement
is the share of the held-out examples whose top class is that of torch's eager float model. A Keras model, which torch
does not run, is held against TensorFlow's float model in both.

cells, cells_ok                   of the suite; those that ran
<task>_<runtime>_<precision>_...  size_ratio, agreement_pct and, without --quick, latency_ratio

Environments are those of `bench env build --all`; a runtime without one has a row that says so.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.cli.setup import open_registry, open_suite
from bench.derive.launches import floor_ratios
from bench.machine import machine_facts
from bench.plan import Plan, make_plan
from bench.run import Metering, Settings, spawn_child
from bench.run.build import Builder
from bench.run.built import Side
from bench.run.deadline import Deadline
from bench.run.gate.building import build_parts
from bench.run.gate.parts import Part
from bench.run.launch import Launcher
from bench.run.ledger import Ledger
from bench.stats import Interval, ratio_interval
from bench.store import Cache, Launch, cache_folder

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from runtime_outputs import agreement, outputs_of  # noqa: E402 - its neighbours stand above
from runtime_table import markdown  # noqa: E402 - its neighbours stand above

REFERENCE = "torch"
LEAST_LAUNCHES = 6


@dataclass
class Row:
    """One cell: what is said of it, measured against the reference of its task."""

    task: str
    runtime: str
    precision: str
    reason: str = ""
    size_bytes: int = 0
    size_ratio: float = 0.0
    agreement: float | None = None
    latency: Interval | None = None
    launches: list[Launch] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """What its figures' names begin with."""
        return re.sub(r"\W+", "_", f"{self.task}_{self.runtime}_{self.precision}").strip("_")


def runtime_of(part: Part) -> str:
    """Return a backend with its options, as a table names it."""
    cell = part.side.planned.cell
    options = " ".join(f"{name}={value}" for name, value in sorted(cell.backend_options.items()))
    return f"{cell.backend} {options}".strip()


def precision_of(part: Part) -> str:
    """Return the recipe, in a word: "fp32" for none."""
    return " + ".join(str(each) for each in part.side.planned.cell.recipe) or "fp32"


def rows_of(parts: Sequence[Part], builder: Builder, budget_s: float | None) -> list[Row]:
    """Return a row for each cell of one task."""
    reference = reference_of(parts)
    if not reference.facts.ok:
        sys.exit(f"the reference does not run: {reference.facts.reason}")
    rows = {each.side.id: _row(each, reference) for each in parts}
    known = outputs_of(reference, builder)
    for part in parts:
        if part.facts.ok:
            found = known if part is reference else outputs_of(part, builder)
            rows[part.side.id].agreement = agreement(found, known)
    if budget_s:
        for group in _groups(parts):
            measured = _launches(reference, group, builder, budget_s)
            for part in group:
                rows[part.side.id].latency = _ratio(measured, part, reference)
    return list(rows.values())


def reference_of(parts: Sequence[Part]) -> Part:
    """Return torch's eager float cell of a task; where torch does not run it, the first float cell of the suite."""
    floats = [each for each in parts if not each.side.planned.cell.recipe]
    eager = [each for each in floats if runtime_of(each) == REFERENCE]
    return (eager or floats)[0]


def _row(part: Part, reference: Part) -> Row:
    row = Row(part.side.planned.cell.task, runtime_of(part), precision_of(part), part.facts.reason or "")
    artifact, base = part.side.artifact, reference.side.artifact
    if part.facts.ok and artifact is not None and base is not None:
        row.size_bytes, row.size_ratio = artifact.size_bytes, artifact.size_bytes / base.size_bytes
    return row


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Give the cells of one backend together: few enough for pairs of blocks to be near one another."""
    by_backend: dict[str, list[Part]] = {}
    for part in parts:
        if part.facts.ok:
            by_backend.setdefault(part.comparison.id, []).append(part)
    yield from by_backend.values()


def _launches(reference: Part, group: Sequence[Part], builder: Builder, budget_s: float) -> list[Launch]:
    """Launch the reference and one backend's cells for `budget_s`, six times at least."""
    others = [part for part in group if part is not reference]
    parts = [reference, *others]
    sides = [replace(part.side, backend=part.comparison.backend) for part in parts]
    assert reference.task is not None
    inputs = str(Path(reference.task.folder) / f"example-{reference.side.planned.cell.batch}.npz")
    builder.deadline = Deadline.each(builder.settings.timeout_s)
    launcher = Launcher(reference.comparison, inputs, builder.settings, Ledger(), builder.metering, builder.deadline)
    found: list[Launch] = []
    ends = time.monotonic() + budget_s
    while len(found) < LEAST_LAUNCHES or time.monotonic() < ends:
        n, rounds = (int(found[0].meta[key]) for key in ("n", "rounds")) if found else (None, None)
        launch = launcher.launch(sides, random.Random(f"{sides[-1].id}/{len(found)}"), n, rounds)
        _tell_failures(sides)
        sides = [side for side in sides if side.alive]
        if launch is not None:
            found.append(launch)
        if len(sides) < 2 or sides[0].id != reference.side.id:
            break
    return found


def _tell_failures(sides: Sequence[Side]) -> None:
    for side in sides:
        if side.failure is not None:
            print(f"{side.planned.cell}: {side.failure.reason}", file=sys.stderr)


def _ratio(launches: Sequence[Launch], part: Part, reference: Part) -> Interval | None:
    if part is reference:
        return None
    seen = [each for each in launches if part.side.id in each.samples]
    return ratio_interval(floor_ratios(seen, part.side.id, reference.side.id)) if seen else None


def figures_of(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures."""
    figures: dict[str, float] = {"cells": len(rows), "cells_ok": sum(not each.reason for each in rows)}
    for row in rows:
        if row.reason:
            continue
        figures[f"{row.stem}_size_ratio"] = row.size_ratio
        if row.agreement is not None:
            figures[f"{row.stem}_agreement_pct"] = 100 * row.agreement
        if row.latency is not None:
            figures[f"{row.stem}_latency_ratio"] = row.latency.value
    return figures


def measure(plan: Plan, builder: Builder, budget_s: float | None) -> list[Row]:
    """Build, grade and measure a plan, task after task."""
    parts = build_parts(plan, builder, builder.metering, machine_facts(), _say)
    tasks: dict[str, list[Part]] = {}
    for part in parts:
        tasks.setdefault(part.side.planned.cell.task, []).append(part)
    rows: list[Row] = []
    for each in tasks.values():
        rows += rows_of(each, builder, budget_s)
        print(markdown(rows[-len(each) :]), file=sys.stderr, flush=True)
    return rows


def _say(*words: Any) -> None:
    print(*words, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--table", action="store_true", help="print the table as Markdown instead")
    parser.add_argument("--quick", action="store_true", help="size and agreement only")
    parser.add_argument("--suite", default="runtimes", help="a suite's file or name")
    parser.add_argument("--budget", type=float, default=30.0, metavar="SECONDS", help="of latency, a task and runtime")
    asked = parser.parse_args()
    registry, catalogue = open_registry()
    suite, catalogue = open_suite(asked.suite, registry, catalogue)
    plan = make_plan(suite.cells(), catalogue)
    budget_s = None if asked.quick else asked.budget
    settings = Settings(Cache(cache_folder()), spawn_child, ci_width=None, budget_s=budget_s or 0.0)
    builder = Builder(settings, catalogue, Ledger(), Metering(settings, catalogue, _say), plan)
    rows = measure(plan, builder, budget_s)
    if asked.table:
        print(markdown(rows))
    else:
        show(figures_of(rows), as_json=asked.json)


if __name__ == "__main__":
    main()
