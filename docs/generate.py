"""Write docs/reference/commands.md from the commands themselves; a test compares the two."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from bench.cli import COMMANDS, cli

PAGE = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

<!-- Written by docs/generate.py from the commands themselves; change those, then run it again. -->

Progress goes to stderr, results to stdout: tables for people on a terminal, tab-separated values in a pipe, one
document with `--json`. `--help` (short `-h`) explains any command. Only `bench env build` needs the network. See also:
[exit codes](exit-codes.md), [environment variables](variables.md), [suites](suite.md).

| command | what it does |
|---|---|
"""


def commands_page() -> str:
    """Return the page: an overview, then every command with its usage, help and options."""
    overview = "".join(f"| [`bench {name}`](#bench-{name}) | {text} |\n" for name, text in COMMANDS.items())
    context = click.Context(cli, info_name="bench")
    commands = [cli.get_command(context, name) for name in COMMANDS]
    return HEAD + overview + "".join(section(each, context) for each in commands if each is not None)


def section(command: click.Command, parent: click.Context, depth: int = 0) -> str:
    """Return the part of one command, with those of the commands in it."""
    context = click.Context(command, info_name=command.name, parent=parent)
    words = context.command_path
    usage = " ".join([words, *command.collect_usage_pieces(context)])
    rows = "".join(f"{row}\n" for each in command.params for row in _row(each, context))
    table = f"\n| option | meaning |\n|---|---|\n{rows}" if rows else ""
    own = f"\n{'#' * (2 + depth)} {words}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n{table}"
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return own + "".join(section(each, context, depth + 1) for each in inner)


def _row(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    record = parameter.get_help_record(context)
    if record is not None and isinstance(parameter, click.Option):
        names, text = (each.replace("|", "\\|") for each in record)
        yield f"| `{names}` | {text} |"


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
