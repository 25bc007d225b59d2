"""What a gate needs before it measures: budgets read, the suite built, the baseline found."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cli.gate_results import KeptSuite
from bench.cli.progress import Progress
from bench.cli.run_command import refuse_code, settings_of
from bench.errors import BenchError
from bench.gate import allowed
from bench.gate.verdicts import CellVerdict, MetricVerdict, Place
from bench.machine import machine_facts
from bench.plan import Catalogue, make_plan
from bench.run import Event
from bench.run.build import Builder
from bench.run.gate import Baseline, Bench, Judged, Part, Wanted, build_parts, kept_parts
from bench.run.gate.gate import EACH_S
from bench.run.gate.kept import from_file, from_run, is_run, read_file
from bench.run.gate.revision import Request, from_revision, resolve
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.store import Journal, RunFolder, read_records
from bench.suite import Cell, Gating, Suite, load_budget, matches, select


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    suite: Suite
    catalogue: Catalogue
    gating: Gating
    folder: Path
    only: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    allow_code: bool = False
    exact: bool = False
    total_s: float | None = None
    energy: bool = False
    results: Path | None = None  # the folder of a kept run, which is the candidate


@dataclass
class Setup:
    """The suite as it is now, built, and the bench to measure it on."""

    asked: Asked
    bench: Bench
    parts: list[Part]

    @classmethod
    def of(cls, asked: Asked, stack: ExitStack) -> Setup:
        """Build everything the suite asks for; progress goes to stderr until the stack ends."""
        if not asked.allow_code:
            refuse_code(asked.suite, asked.catalogue)
        plan = make_plan(select(asked.suite.cells(), asked.only), asked.catalogue)
        settings = settings_of(asked.suite, asked.catalogue, in_process=False)
        if not asked.energy:  # windows take seconds a launch: they are opened for a budget on joules only
            settings = replace(settings, metering=None)
        progress = Progress(0.0)
        stack.callback(progress.close)

        def tell(kind: str, text: str) -> None:
            progress(Event(kind, text, 0, len(plan.comparisons)))  # type: ignore[arg-type]

        metering = Metering(settings, asked.catalogue, lambda text: tell("note", text))
        builder = Builder(settings, asked.catalogue, Ledger(), metering, plan)
        machine = machine_facts()
        bench = Bench(builder, metering, Journal(asked.folder / "journal"), machine, tell)
        if asked.results is not None:
            return cls(asked, bench, kept_parts(asked.results, plan, builder, machine))
        return cls(asked, bench, build_parts(plan, builder, metering, machine, tell))

    def baseline(self, name: str, stack: ExitStack) -> Baseline:
        """Return the baseline of a name: a run's folder, a file, else a git revision."""
        path, cache, machine = Path(name), self.bench.builder.settings.cache, self.bench.machine
        if is_run(path):
            return from_run(path, self.parts, cache, machine)
        if path.is_file():
            return from_file(path, self.parts, cache, machine, self.asked.suite.name)
        request = Request(self.asked.suite.source, self.asked.plugins, self.asked.only, self.asked.allow_code)
        return stack.enter_context(from_revision(name, request, cache.folder, self.bench.tell))

    def wanted(self) -> Wanted:
        """Return what the gate has to do."""
        asked = self.asked
        each_s = asked.gating.seconds or max(asked.suite.measure.budget_s, EACH_S)
        cells = {each.id: each for each in asked.suite.cells()}

        def place(cell: str) -> Place | None:
            return allowed.place(asked.suite.where_recipe(cells[cell])) if cell in cells else None

        return Wanted(asked.gating, each_s, asked.total_s, asked.exact, whole=not asked.only, place=place)


def check_baseline(suite: Suite, name: str) -> None:
    """Raise BenchError for what is no baseline, or a damaged one, before anything is built."""
    path = Path(name)
    if is_run(path):
        read_records(RunFolder(path).records_path, strict=True)  # what is gated against must be whole
        return
    if path.is_file():
        read_file(path)
        return
    if path.is_dir():
        raise BenchError(f"{name} holds no records.jsonl", cure="give the folder of a run: results/<suite>-<stamp>")
    if path.suffix == ".json":
        raise BenchError(f"there is no baseline file {name}", cure="write it: bench gate SUITE --update")
    if isinstance(suite, KeptSuite):
        cure = "to gate against a revision, gate the suite: it is built at both"
        raise BenchError(
            f"a kept run is gated against a kept run or a baseline file, and '{name}' is neither", cure=cure
        )
    resolve(suite.source, name)


def read_gating(suite: Suite, budget: Path | None, env: Mapping[str, str], today: datetime.date) -> Gating:
    """Return what is allowed: the budget file's budgets over the suite's own, over its limits.

    Raises ConfigError, with its place, for a mistake, for an acceptance whose time is over or that fits no cell.
    """
    texts = {name: str(value) for name, value in _written(suite).items()}
    # A target of quality decides what a page ranks; the gate has rules of its own for quality.
    judged = {name: value for name, value in suite.limits.to_json().items() if name != "quality_loss"}
    limits = allowed.suite_limits(judged, texts, lambda name: suite.where("limits", name))
    gating = suite.gate.over(limits)
    if budget is not None:
        gating = load_budget(budget, env).over(gating)
    allowed.check_expired(gating.accepts, today)
    every = suite.cells()
    missing = {each.cell for each in gating.accepts if each.metric == "missing"}
    allowed.check_cells(gating.accepts, lambda words: words in missing or any(matches(each, words) for each in every))
    return gating


def _written(suite: Suite) -> Mapping[str, Any]:
    """Return a suite's limits as they are shown."""
    from bench.suite.limits import DIMENSION_OF
    from bench.units import format_quantity

    units = {"time": "s", "bytes": "B", "energy": "J", "count": "count", "flops": "FLOP", "fraction": "1"}
    return {name: format_quantity(value, units[DIMENSION_OF[name]]) for name, value in suite.limits.items()}


def accepted(asked: Asked, judged: Judged) -> tuple[tuple[CellVerdict, ...], tuple[str, ...]]:
    """Return the verdicts with what is accepted as warnings, and the notes with what was accepted for nothing."""
    cells = {each.id: each for each in asked.suite.cells()}
    accepts, used = asked.gating.accepts, set()
    found = []
    for cell in judged.cells:
        planned = cells.get(cell.id)

        def fits(words: str, planned: Cell | None = planned) -> bool:
            return planned is not None and matches(planned, words)

        pairs = [allowed.accept(metric, accepts, fits) for metric in cell.metrics]
        used |= {by for _, by in pairs if by}
        found.append(_present(replace(cell, metrics=tuple(kept for kept, _ in pairs)), asked, used))
    idle = [f"nothing to accept any more: {e.metric} of {e.cell} ({e.reason})" for e in accepts if e not in used]
    return tuple(found), (*judged.notes, *idle)


def _present(cell: CellVerdict, asked: Asked, used: set[Any]) -> CellVerdict:
    """Return a missing cell as a warning where its absence is accepted."""
    for each in asked.gating.accepts if cell.status == "missing" else ():
        if each.metric == "missing" and cell.id.startswith(each.cell.removeprefix("id=")):
            used.add(each)
            said = f"{each.reason} (until {each.expires})"
            gone = MetricVerdict(
                "missing", "exact", "warn", str(cell.reason), accepted=said, place=allowed.place(each.where)
            )
            return replace(cell, status="ok", reason=None, metrics=(gone,))
    return cell
