"""`bench run`: the main job."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.progress import Progress
from bench.cli.setup import FolderPath, open_registry, open_suite, plugin_option, strict_option
from bench.errors import BenchError
from bench.machine import machine_facts
from bench.plan import Catalogue, Plan, make_plan
from bench.record import Record
from bench.registry import Registry
from bench.run import Metering, Outcome, Settings, expected_seconds, run, spawn_child
from bench.run.controller import SUPERSEDED
from bench.run.metering import estimates
from bench.run.settings import memory_for_workers
from bench.store import Cache, RunFolder, cache_folder, open_run
from bench.suite import Step, Suite, select

SOME_FAILED = 3
# A worker with a framework takes half a gigabyte.
MOST_PARALLEL = 4


@click.command("run")
@click.argument("suite")
@plugin_option
@click.option("--only", multiple=True, metavar="EXPR", help="Cells to run: task=… recipe=prune backend=torch id=….")
@click.option("-o", "--output", type=FolderPath(), metavar="DIR", help="Folder of the run; resumes it.")
@click.option("--fresh", is_flag=True, help="Measure again even what this folder holds; cached artifacts stay.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--executor", type=click.Choice(["local"]), default="local", show_default=True, help="Where to run.")
@click.option("--in-process", is_flag=True, help="No worker processes: for pdb. Numbers are not comparable.")
@click.option(
    "--allow-code", is_flag=True, help="Let the suite run code it names (module:factory, a program as `command`)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@strict_option
def command(
    suite: str,
    plugins: Sequence[str],
    only: Sequence[str],
    output: Path | None,
    fresh: bool,
    dry_run: bool,
    executor: str,
    in_process: bool,
    allow_code: bool,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Run SUITE (a file, or the name of a shipped suite) to a leaderboard.

    Every artifact is measured in its own process, side by side with its baseline. Running again into the same folder
    resumes: what is measured stays, what is missing or failed is run. Exit code 0 when every cell is ok or
    unsupported with a reason, 3 when some failed, 130 when interrupted.
    """
    del executor  # one choice until there are fleets; kept so that scripts can name it
    registry, catalogue = open_registry(plugins, strict=strict_plugins)
    description, catalogue = open_suite(suite, registry, catalogue)
    plan = make_plan(select(description.cells(), only), catalogue)
    if dry_run:
        from bench.cli.plan_command import show_plan

        show_plan(plan, description, catalogue, as_json=as_json)
        return
    if not allow_code:
        refuse_code(description, catalogue)
    folder = output or _fresh_folder(description.name)
    options = [*(word for each in plugins for word in ("-p", each)), *(["--allow-code"] if allow_code else [])]
    reproduce = shlex.join(["bench", "run", suite, *options])
    outcome, page = execute(
        plan, catalogue, registry, description, folder, reproduce, fresh=fresh, in_process=in_process
    )
    finish(outcome, folder, page, as_json)


def execute(
    plan: Plan,
    catalogue: Catalogue,
    registry: Registry,
    suite: Suite,
    output: Path,
    reproduce: str,
    *,
    fresh: bool = False,
    in_process: bool = False,
) -> tuple[Outcome, Path]:
    """Run a plan into a folder and render its page; returns the outcome and the page's path."""
    with open_run(output) as folder:
        refuse_another(folder, suite)
        if fresh:
            _forget(folder, plan)
        facts = {**machine_facts(), **_plugin_facts(registry)}
        about = {
            "suite": {
                **suite.to_json(),
                "source": suite.source.name,
                "extends": [each.name for each in suite.extends],
                "cells": [each.id for each in suite.cells()],
            },
            "models": [each.kept(output) for each in suite.models()],
            "cells": [each.cell.id for each in plan.cells],
            "machine": facts,
            "reproduce": reproduce,
            "started": folder.facts().get("started") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        settings = settings_of(suite, catalogue, in_process)
        metering = Metering(settings, catalogue)
        click.echo(f"results: {output}", err=True)
        progress = Progress(expected_seconds(plan, settings, metering))
        try:
            outcome = run(
                plan, catalogue, settings, folder, about,
                listen=progress, notify=_notifier(registry), metering=metering,
            )  # fmt: skip
        finally:
            progress.close()
        return outcome, render(folder.records(), output, suite.name, registry)


def refuse_another(folder: RunFolder, suite: Suite) -> None:
    """Raise BenchError when a folder holds the run of another suite: one page would mix the two."""
    held = folder.facts().get("suite")
    name = held.get("name") if isinstance(held, dict) else None
    if name not in (None, suite.name):
        raise BenchError(
            f"{folder.path} holds a run of the suite '{name}', not of '{suite.name}'",
            cure="name another folder with -o DIR",
        )


def settings_of(suite: Suite, catalogue: Catalogue, in_process: bool) -> Settings:
    """Return the settings a suite asks for."""
    measure = suite.measure
    return Settings(
        cache=Cache(cache_folder()),
        spawn=_spawn_here if in_process else spawn_child,
        ci_width=measure.ci_width,
        budget_s=measure.budget_s,
        min_launches=measure.min_launches,
        rounds=measure.rounds,
        timeout_s=measure.timeout_s,
        idle_s=measure.idle_s,
        memory_bytes=int(measure.memory_bytes or memory_for_workers()),
        limits=suite.limits.to_json(),
        meter=estimator(catalogue, measure.meter),
        metering=measure.meter,
        window_s=measure.window_s,
        energy=measure.energy,
        in_process=in_process,
        meters=tuple(each.target for each in catalogue.of("meter") if not estimates(each)),
        parallel=1 if in_process else min(os.cpu_count() or 1, MOST_PARALLEL),
    )


def estimator(catalogue: Catalogue, asked: Step) -> Mapping[str, Any] | None:
    """Return the facts of the installed energy estimator, with the options a suite gives it; None without one."""
    for offer in catalogue.of("meter"):
        if estimates(offer) and catalogue.missing(offer) is None:
            options = asked.options if asked.name == offer.name else {}
            return {"meter": offer.name, "version": offer.version, **offer.facts, **options}
    return None


def refuse_code(suite: Suite, catalogue: Catalogue) -> None:
    """Raise BenchError when a suite names a function to be called, or a program to be started."""
    for model in suite.models():
        if model.is_code:
            what = f"this suite calls a function of a module: {model.model[:200]!r}"
            raise suite.error((*model.keys, "model"), what, "read it, and if you trust it run again with --allow-code")
        if model.metric_is_code:
            what = f"this suite calls a function as its metric: {str(model.metric)[:200]!r}"
            raise suite.error((*model.keys, "metric"), what, "read it, and if you trust it run again with --allow-code")
    for cell in suite.cells():
        for offer in catalogue.of("backend", cell.backend):
            if "code" in offer.facts:
                file, line, column = suite.where("matrix", "backend")
                program = str(cell.backend_options.get(str(offer.facts["code"]), ""))
                raise BenchError(
                    f"{file}:{line}:{column}: this suite starts a program as a backend: {program[:200]!r}",
                    cure="read it, and if you trust it run again with --allow-code",
                )
    meter = suite.measure.meter
    for offer in catalogue.of("meter", meter.name):
        if "code" in offer.facts:
            file, line, column = suite.where("measure", "meter")
            program = str(meter.options.get(str(offer.facts["code"]), ""))
            raise BenchError(
                f"{file}:{line}:{column}: this suite starts a program as its meter: {program[:200]!r}",
                cure="read it, and if you trust it run again with --allow-code",
            )


def render(records: Sequence[Record], output: Path, title: str, registry: Registry) -> Path:
    """Write the page of a run."""
    from bench.cli.report_command import extra_columns
    from bench.publish import write_site

    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    columns = extra_columns(registry, records)
    return write_site(records, output / "site", title=title, generated=now, extra_columns=columns)


def _spawn_here(threads: int, memory_bytes: int | None) -> Any:
    from bench.worker.local import LocalWorker

    del threads, memory_bytes
    return LocalWorker()


def _forget(folder: RunFolder, plan: Plan) -> None:
    """Have the plan's cells measured again, and those only: what is known of them stays until there is something new.

    Their launches are set aside in the journal, and run.json says that they are to be measured, so that an interrupted
    run goes on with it.
    """
    for comparison in plan.comparisons:
        folder.journal.set_aside(comparison.id, {each.cell.id for each in comparison.cells})
    facts = folder.facts()
    origins = facts.get("origins")
    known = origins if isinstance(origins, dict) else {}
    folder.write_facts(
        {**facts, "origins": {**known, **dict.fromkeys((each.cell.id for each in plan.cells), SUPERSEDED)}}
    )


def _plugin_facts(registry: Registry) -> dict[str, Any]:
    found = registry.manager.hook.bench_machine()
    return {str(key): value for facts in found for key, value in facts.items()}


def _notifier(registry: Registry) -> Any:
    hook = registry.manager.hook

    def notify(event: str, cell: Mapping[str, Any], record: Mapping[str, Any] | None) -> None:
        try:
            if event == "started":
                hook.bench_cell_started(cell=cell)
            else:
                hook.bench_cell_finished(cell=cell, record=record)
        except Exception as error:  # noqa: BLE001 - a listener's failure is not the run's
            click.echo(f"warning: a plugin's bench_cell_{event} failed: {type(error).__name__}: {error}", err=True)

    return notify


def _fresh_folder(name: str) -> Path:
    return Path("results") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def finish(outcome: Outcome, folder: Path, page: Path, as_json: bool) -> None:
    """Print what a run left; exit code 3 when cells failed."""
    failed = [each for each in outcome.records if each.status not in ("ok", "unsupported")]
    if as_json:
        document = {"folder": str(folder), "page": str(page), "ledger": outcome.ledger}
        click.echo(json.dumps({**document, "records": [each.to_json() for each in outcome.records]}))
    else:
        from bench.cli.table import doubts, summary

        click.echo(summary(outcome.records))
        click.echo(doubts(outcome.records), nl=False, err=True)
        click.echo(f"\n{page}")
    if failed:
        raise click.exceptions.Exit(SOME_FAILED)
