"""`bench try`: the usual recipes on one model of your own, with no suite."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli.own import own_task
from bench.cli.run_command import execute, finish, settings_of
from bench.cli.setup import FolderPath, open_registry, open_suite, plugin_option, strict_option
from bench.errors import BenchError, Unsupported, WorkerError
from bench.offer import Offer
from bench.plan import Catalogue, Plan, make_plan
from bench.run import Metering, Settings
from bench.run.build import Builder
from bench.run.ledger import Ledger
from bench.suite import OwnModel
from bench.suite.cell import Cell
from bench.suite.measure import parse_repeat
from bench.suite.own import name_of

RECIPES = """
    - none
    - quantize: {mode: dynamic}
    - quantize: {mode: static}
    - quantize: {mode: fp16}
    - prune: {sparsity: 0.5}
"""


@click.command("try")
@click.argument("model")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="An .npz: inputs by name, `labels` for accuracy."
)
@click.option(
    "--metric", metavar="NAME", help="What quality is: a metric's name, or package.module:function, which is called."
)
@click.option(
    "--backend", "backends", multiple=True, metavar="NAME", help="A backend to run on; all that open it when left out."
)
@click.option("--budget", default="10s", show_default=True, help="Measuring time per backend.")
@click.option("-o", "--output", type=FolderPath(), metavar="DIR", help="Folder of the run; resumes it.")
@click.option("--in-process", is_flag=True, help="No worker processes: for pdb. Numbers are not comparable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@plugin_option
@strict_option
def command(
    model: str,
    data: Path | None,
    metric: str | None,
    backends: Sequence[str],
    budget: str,
    output: Path | None,
    in_process: bool,
    as_json: bool,
    plugins: Sequence[str],
    strict_plugins: bool,
) -> None:
    """Try the usual recipes on MODEL: an .onnx, .tflite, .keras, .h5, .pte or .pt2 file, or package.module:factory.

    Or what a library loads from this machine: timm:NAME, torchvision:NAME, hf:./folder.

    With --data and labels quality is accuracy, or the --metric asked for; without, it is agreement with the
    uncompressed model, on inputs that are made up where none are given. The suite that is run is
    written beside the results as suite.yaml.
    """
    registry, known = open_registry(plugins, strict=strict_plugins)
    own = _own(model, data, metric, known)
    task = own_task(own, known)
    catalogue = Catalogue.from_offers([*registry.offers, task])
    folder = output or Path("results") / f"try-{own.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for name in backends:
        catalogue.one("backend", name)
    _check_budget(budget)
    chosen = list(backends) or _backends(task, catalogue)
    suite, catalogue = open_suite(str(_write_suite(folder, own, chosen, budget)), registry, known)
    plan = make_plan(suite.cells(), catalogue)
    _check_model(plan, settings_of(suite, catalogue, in_process), catalogue)
    code = ["--allow-code"] if own.is_code or own.metric_is_code else []
    given = [*(word for each in plugins for word in ("-p", each)), *code]
    reproduce = shlex.join(["bench", "run", str(folder / "suite.yaml"), *given])
    outcome, page = execute(plan, catalogue, registry, suite, folder, reproduce, in_process=in_process)
    finish(outcome, folder, page, as_json)


def _own(model: str, data: Path | None, metric: str | None, known: Catalogue) -> OwnModel:
    """Return the model as a suite would name it; a name that an installed task has is not taken from it."""
    name = name_of(model)
    name = f"my-{name}" if name in known.names("task") else name
    return OwnModel(name, model, str(data) if data else None, (), Path(), metric)


def _check_budget(budget: str) -> None:
    try:
        parse_repeat(f"until ci < 2% or {budget}")
    except ValueError as error:
        raise BenchError(
            f"--budget {budget[:40]}: {error}", cure="give seconds or minutes, as in --budget 20s"
        ) from error


def _check_model(plan: Plan, settings: Settings, catalogue: Catalogue) -> None:
    """Open the model and its data once, before anything is built: what is wrong with them is one error, not a table."""
    runnable = [each for each in plan.comparisons if each.runnable]
    if not runnable:
        raise BenchError(str(plan.cells[0].reason))
    builder = Builder(settings, catalogue, Ledger(), Metering(settings, catalogue))
    try:
        builder.task(runnable[0])
    except (Unsupported, WorkerError) as error:
        raise BenchError(error.message) from error


def _backends(task: Offer, catalogue: Catalogue) -> list[str]:
    """Return the installed backends that the model reaches, by converters where need be; all, to say why, if none."""
    offers = [catalogue.one("backend", name) for name in catalogue.names("backend")]
    found = [each.name for each in offers if each.bare and catalogue.missing(each) is None]
    if not found:
        raise BenchError("no backend is installed", cure="pip install 'joulebench[mobile]'")
    reached = {
        each.cell.backend
        for each in make_plan((Cell("try", task.name, (), name) for name in found), catalogue).cells
        if each.route
    }
    return [name for name in found if name in reached] or found


def _write_suite(folder: Path, own: OwnModel, backends: Sequence[str], budget: str) -> Path:
    """Write the suite that is run, which can be run again by itself: paths are relative to it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "suite.yaml"
    entry = own.kept(folder)
    task = ", ".join(f"{key}: {json.dumps(value)}" for key, value in entry.items() if value is not None)
    matrix = f"matrix:\n  task: [{{{task}}}]\n  recipe:{RECIPES.rstrip()}\n  backend: [{', '.join(backends)}]\n"
    path.write_text(
        f"bench: 1\nname: try-{own.name}\n{matrix}measure:\n  repeat: until ci < 2% or {budget}\n  timeout: 10min\n",
        encoding="utf-8",
    )
    return path
