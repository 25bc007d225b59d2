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
document with `--json`. `--help` (short `-h`) explains any command. No command needs the network. See also:
[exit codes](exit-codes.md), [environment variables](variables.md), [suites](suite.md).

| command | what it does |
|---|---|
"""


def commands_page() -> str:
    """Return the page: an overview, then every command with its usage, help and options."""
    overview = "".join(f"| [`bench {name}`](#bench-{name}) | {text} |\n" for name, text in COMMANDS.items())
    context = click.Context(cli, info_name="bench")
    return HEAD + overview + "".join(section(name, context) for name in COMMANDS)


def section(name: str, parent: click.Context) -> str:
    """Return the part of one command."""
    command = cli.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["bench", name, *command.collect_usage_pieces(context)])
    rows = "".join(f"{row}\n" for each in command.params for row in _row(each, context))
    table = f"\n| option | meaning |\n|---|---|\n{rows}" if rows else ""
    return f"\n## bench {name}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n{table}"


def _row(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    record = parameter.get_help_record(context)
    if record is not None and isinstance(parameter, click.Option):
        names, text = (each.replace("|", "\\|") for each in record)
        yield f"| `{names}` | {text} |"


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
