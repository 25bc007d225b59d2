"""`bench env`: environments of offers whose requirements are not this environment's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.setup import open_registry, plugin_option
from bench.cli.table import table
from bench.envs import (
    INSTALLERS,
    Wanted,
    adopt,
    build,
    choose,
    environments_folder,
    every,
    find,
    missing,
    remove,
    states,
    wanted_by,
)
from bench.errors import BenchError
from bench.units import format_quantity

HEAD = ("name", "state", "requirements", "python", "size", "interpreter or command")


@click.group("env")
def command() -> None:
    """Build, adopt, list, remove and export environments of their own for offers that need one.

    An offer whose requirements are met in this environment runs here and needs none. `bench env list` says which do.
    """


@command.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every_one", is_flag=True, help="Build all that are missing; adopted ones are left alone.")
@click.option("--installer", type=click.Choice(INSTALLERS), default="auto", show_default=True,
    help="What installs the requirements: uv where it is installed, else pip.",
)  # fmt: skip
@plugin_option
def build_command(names: Sequence[str], every_one: bool, installer: str, plugins: Sequence[str]) -> None:
    """Build the environments of NAMEs: a virtual environment each, with the requirements and what the core needs.

    Built once: one that is there is left as it is. What a builder leaves that was interrupted is removed by the next
    one; two at once wait for one another. Requirements are fetched as uv's or pip's own settings say.
    """
    wanted = _wanted(plugins)
    if every_one == bool(names):
        raise click.UsageError("give names, or --all")
    chosen = missing(wanted) if every_one else [choose(name, wanted) for name in names]
    failed = []
    for each in chosen:
        try:
            built = build(each, installer=installer, say=lambda text: click.echo(text, err=True))
        except BenchError as error:
            failed.append(f"{each.name}: {error}")
            continue
        click.echo(
            f"{each.name}\t{built.python}\t{'adopted' if built.adopted else format_quantity(built.size_bytes, 'B')}"
        )
    if failed:
        raise BenchError("\n".join(failed))


@command.command("adopt")
@click.argument("name")
@click.argument("python", type=click.Path(path_type=str))
@plugin_option
def adopt_command(name: str, python: str, plugins: Sequence[str]) -> None:
    """Use the interpreter PYTHON for NAME as it is: a vendor's image, a conda environment, a wheel built by hand.

    Nothing is written into it: workers there import the core that runs here. It must have the import names that NAME
    needs, and numpy, psutil and pluggy. Versions other than those asked for are taken, and said.
    """
    adopted = adopt(choose(name, _wanted(plugins)), python)
    for note in adopted.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{adopted.name}\t{adopted.python}\tPython {adopted.python_version}, {len(adopted.packages)} packages")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@plugin_option
def list_command(as_json: bool, plugins: Sequence[str]) -> None:
    """List what is wanted and what is there: built, adopted, not needed here, or missing with the command."""
    rows = states(_wanted(plugins))
    if as_json:
        click.echo(json.dumps({"folder": str(environments_folder()), "environments": rows}))
        return
    click.echo(table(HEAD, [_row(each) for each in rows]))


@command.command("remove")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every_one", is_flag=True, help="Remove all that are there, also what no plugin asks for now.")
def remove_command(names: Sequence[str], every_one: bool) -> None:
    """Remove the environments of NAMEs; an adopted interpreter itself is left alone."""
    if every_one == bool(names):
        raise click.UsageError("give names, or --all")
    there = every()
    if gone := [name for name in names if name not in {each.name for each in there}]:
        known = ", ".join(sorted({each.name for each in there})) or "none"
        raise BenchError(f"there is no environment called '{gone[0]}'; there are: {known}")
    freed = sum(remove(each) for each in there if every_one or each.name in names)
    click.echo(f"freed {format_quantity(freed, 'B')}")


@command.command("export")
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write to a file instead of stdout.",
)  # fmt: skip
@plugin_option
def export_command(name: str, output: Path | None, plugins: Sequence[str]) -> None:
    """Print what is installed in NAME's environment, pinned: requirements for pip install -r."""
    wanted = choose(name, _wanted(plugins))
    found = find(wanted)
    if found is None:
        raise BenchError(f"'{wanted.name}' has no environment here", cure=wanted.command)
    text = f"# {found.name}, Python {found.python_version}\n" + "".join(f"{each}\n" for each in found.packages)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _row(state: dict[str, Any]) -> list[str]:
    size = state["size_bytes"]
    about = (
        ""
        if not size
        else format_quantity(size, "B")
        if state["state"] != "missing"
        else f"~{format_quantity(size, 'B')}"
    )
    where = state["interpreter"] or state["command"] or "this environment"
    return [state["name"], state["state"], ", ".join(state["requirements"]), state["python"] or "", about, where]


def _wanted(plugins: Sequence[str]) -> list[Wanted]:
    _, catalogue = open_registry(plugins)
    return wanted_by(catalogue.offers)
