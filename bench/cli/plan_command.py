"""`bench plan`: what a run would do, without doing it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from bench.cli.progress import minutes
from bench.cli.setup import open_registry, open_suite, plugin_option, strict_option
from bench.cli.table import table
from bench.plan import Catalogue, Plan, make_plan
from bench.suite import Suite, select
from bench.suite.cell import recipe_name


@click.command("plan")
@click.argument("suite")
@plugin_option
@click.option("--only", multiple=True, metavar="EXPR", help="Cells to plan: task=… recipe=prune backend=torch id=….")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@strict_option
def command(suite: str, plugins: Sequence[str], only: Sequence[str], as_json: bool, strict_plugins: bool) -> None:
    """Show the cells of SUITE, the route of each, the expected time, and what cannot run here and why."""
    registry, catalogue = open_registry(plugins, strict=strict_plugins)
    description, catalogue = open_suite(suite, registry, catalogue)
    show_plan(make_plan(select(description.cells(), only), catalogue), description, catalogue, as_json=as_json)


def show_plan(plan: Plan, suite: Suite, catalogue: Catalogue, *, as_json: bool) -> None:
    """Print a plan."""
    seconds = _expected(plan, suite, catalogue)
    if as_json:
        cells = [
            {
                "id": each.cell.id,
                "cell": each.cell.to_json(),
                "route": str(each.route) if each.route else None,
                "reason": each.reason,
            }
            for each in plan.cells
        ]
        click.echo(json.dumps({"suite": suite.name, "expected_s": seconds, "cells": cells}))
        return
    rows = [
        [
            each.cell.id,
            each.cell.task,
            each.cell.backend_name,
            recipe_name(each.cell.recipe),
            _outlook(each.route, each.reason),
        ]
        for each in plan.cells
    ]
    click.echo(table(("id", "task", "backend", "recipe", "route"), rows))
    runnable = sum(each.route is not None for each in plan.cells)
    click.echo(
        f"\n{len(rows)} cells in {len(plan.comparisons)} comparisons, {runnable} can run here; "
        f"about {minutes(seconds)} when nothing is cached"
    )


def _expected(plan: Plan, suite: Suite, catalogue: Catalogue) -> float:
    """Return the expected wall seconds; meters are asked, in workers, how long their windows last."""
    from bench.cli.run_command import settings_of
    from bench.run import Metering, expected_seconds

    settings = settings_of(suite, catalogue, False)
    return expected_seconds(plan, settings, Metering(settings, catalogue))


def _outlook(route: object, reason: str | None) -> str:
    return str(route) if route is not None else f"unsupported: {reason}"
