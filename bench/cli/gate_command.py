"""`bench gate`: a suite beside its baseline, a verdict for every metric of every cell."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bench.cli.setup import open_registry, open_suite, plugin_option, strict_option

if TYPE_CHECKING:
    from bench.cli.gate_setup import Asked
    from bench.gate.verdicts import GateReport
    from bench.suite import Suite

FORMATS = ("text", "md", "junit", "json", "github")
Undecided = Literal["fail", "warn", "pass"]


@click.command("gate")
@click.argument("suite", metavar="SUITE_OR_RESULTS")
@click.option("--against", metavar="BASE", help="A run's folder, a baseline file, or a git revision.")
@click.option("--creep", metavar="BASE", help="The last release besides: what got worse a little at a time.")
@click.option("--budget", type=click.Path(path_type=Path), metavar="FILE", help="Budgets, laid over the suite's own.")
@click.option("--update", is_flag=True, help="Write the baseline file (bench-baseline.json) and judge nothing.")
@click.option("--exact", is_flag=True, help="Judge only what takes no time: exact metrics, outputs, quality.")
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="The most time to measure, all cells together."
)
@click.option(
    "--inconclusive", type=click.Choice(["fail", "warn", "pass"]), default="warn", show_default=True,
    help="What a cell that stays undecided means.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Short for --inconclusive fail.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True, help="What to print."
)
@click.option("--only", multiple=True, metavar="EXPR", help="Cells to gate: task=… recipe=prune backend=torch id=….")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the reports and launches."
)
@click.option(
    "--allow-code", is_flag=True, help="Let the suite run code it names (module:factory, a program as `command`)."
)
@plugin_option
@strict_option
def command(
    suite: str,
    against: str | None,
    creep: str | None,
    budget: Path | None,
    update: bool,
    exact: bool,
    minutes: float | None,
    inconclusive: Undecided,
    strict: bool,
    format_: str,
    only: Sequence[str],
    output: Path | None,
    allow_code: bool,
    plugins: Sequence[str],
    strict_plugins: bool,
) -> None:
    """Gate a suite: build it, and measure every cell beside the same cell of a baseline.

    In the place of the suite may stand the folder of a kept run: it is judged by its records, without building
    anything, and what takes time by its artifacts, measured again here as far as the cache still has them.

    BASE is the folder of a kept run, a `bench-baseline.json`, or a git revision, which is built in a worktree. Latency
    and memory are decided by launches of both artifacts side by side; exact metrics and the outcomes of every held-out
    example are compared as they are. Every run that times anything also tests itself.

    Exit code 0 when nothing failed, 1 when something did, 3 when a cell is missing or could not be run, 4 when
    something could not be compared, 5 when something stayed undecided under --strict, 6 when the self-test failed.
    """
    from bench.cli.gate_results import suite_of, with_kept_models
    from bench.cli.gate_setup import Asked, read_gating
    from bench.run.gate.kept import is_run

    if against is None and not update:
        against = _default_baseline()
    registry, catalogue = open_registry(plugins, strict=strict_plugins)
    results = Path(suite) if is_run(Path(suite)) else None
    if update and results is not None:
        raise click.UsageError(f"--update builds a suite: {suite} is a kept run")
    if results is not None:
        description: Suite = suite_of(results)
        catalogue = with_kept_models(results, catalogue, allow_code=allow_code)
    else:
        description, catalogue = open_suite(suite, registry, catalogue)
    gating = read_gating(description, budget, dict(os.environ), datetime.datetime.now(datetime.UTC).date())
    folder = output or Path("results") / f"{description.name}-gate-{time.strftime('%Y%m%d-%H%M%S')}"
    asked = Asked(
        description, catalogue, gating, folder, tuple(only), tuple(plugins), allow_code, exact,
        minutes and 60 * minutes, energy=any(each.metric == "energy" for each in gating.allowances), results=results,
    )  # fmt: skip
    with ExitStack() as stack:
        if update:
            _update(asked, Path(against) if against else None, stack)
            return
        assert against is not None
        report = _judge(asked, against, creep, "fail" if strict else inconclusive, stack)
    _show(report, format_, folder)


def _default_baseline() -> str:
    from bench.gate.snapshot import FILE

    if not Path(FILE).is_file():
        raise click.UsageError(f"there is nothing to gate against: give --against, or write {FILE} with --update")
    return FILE


def _update(asked: Asked, path: Path | None, stack: ExitStack) -> None:
    from bench.cli.gate_setup import Setup
    from bench.cli.gate_update import write_baseline
    from bench.gate.verdicts import SOME_CELLS_FAILED

    if path is not None and (path.is_dir() or path.suffix != ".json"):
        raise click.UsageError(f"--update writes a baseline file: {path} is none")
    failed = write_baseline(Setup.of(asked, stack), path)
    if failed:
        raise click.exceptions.Exit(SOME_CELLS_FAILED)


def _judge(asked: Asked, against: str, creep: str | None, undecided: Undecided, stack: ExitStack) -> GateReport:
    from bench.cli.gate_setup import Setup, accepted, check_baseline
    from bench.gate.verdicts import GateReport
    from bench.run.gate import Gate
    from bench.run.gate.kept import is_run
    from bench.store.folder import open_run

    began = time.monotonic()
    if is_run(asked.folder):
        raise click.UsageError(f"{asked.folder} holds a run, whose journal a gate must not write in: choose another -o")
    for name in (against, creep):
        if name is not None:
            check_baseline(asked.suite, name)
    stack.enter_context(open_run(asked.folder))
    setup = Setup.of(asked, stack)
    baselines = [("", setup.baseline(against, stack))]
    if creep is not None:
        baselines.append(("creep", setup.baseline(creep, stack)))
    judged = Gate(setup.bench, setup.parts, baselines, setup.wanted()).run()
    cells, notes = accepted(asked, judged)
    named = " and ".join(each.name for _, each in baselines)
    alpha = asked.gating.alpha or 0.01
    return GateReport(
        asked.suite.name, named, cells, judged.self_test, alpha, undecided,
        time.monotonic() - began, setup.bench.machine, notes,
    )  # fmt: skip


def _show(report: GateReport, format_: str, folder: Path) -> None:
    from bench.gate.render import render, text, write_all

    if format_ == "text":
        click.echo(text(report, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    else:
        click.echo(render(report, format_))
    write_all(report, folder)
    code = report.exit_code or _nothing(report)
    if code:
        raise click.exceptions.Exit(code)


def _nothing(report: GateReport) -> int:
    """Return the exit code of a gate in which not one metric was compared with a baseline: that is no pass."""
    from bench.gate.verdicts import NOT_COMPARABLE

    kinds: set[Any] = {metric.kind for _, metric in report.verdicts() if metric.metric != "baseline"}
    if kinds - {"budget"}:
        return 0
    click.echo("error: not one cell could be compared with the baseline", err=True)
    return NOT_COMPARABLE
