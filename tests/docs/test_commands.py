"""The commands' page is theirs, and every command shown anywhere exists."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bench.cli import COMMANDS, cli

from .conftest import ROOT, blocks, named, pages, reference, without_fences

INDENTED = re.compile(r"^    (?P<line>\S.*)$", re.MULTILINE)
INLINE = re.compile(r"`(?P<line>bench [^`]+)`")
COMMAND = re.compile(r"(?:^|/)bench$")


def _generated() -> str:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.commands_page()


def test_the_page_of_commands_is_up_to_date() -> None:
    assert reference("commands") == _generated(), "run: python docs/generate.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help, "a command has a docstring"
    (section,) = re.findall(rf"^## bench {name}\n(.*?)(?=^## |\Z)", reference("commands"), re.DOTALL | re.MULTILINE)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert all(option in section for option in parameter.opts)
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"
        else:
            assert parameter.make_metavar(click.Context(command)) in section


def _lines(page: Path) -> Iterator[str]:
    for block in blocks(page, "sh"):
        yield from re.split(r"&&|\n", block)
    text = without_fences(page)
    yield from (each["line"] for each in INDENTED.finditer(text))
    yield from (each["line"] for each in INLINE.finditer(text))


def _arguments(line: str) -> list[str] | None:
    """Return what follows the command `bench` on a line, None when the line calls something else."""
    words = line.split()
    if not words or not COMMAND.search(words[0]):
        return None
    return shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("page", named([each for each in pages() if each.name not in ("commands.md", "CHANGELOG.md")]))
def test_every_command_shown_is_valid(page: Path) -> None:
    for line in _lines(page):
        arguments = _arguments(line)
        if not arguments or arguments == ["--help"]:
            continue
        command = cli.get_command(click.Context(cli), arguments[0])
        assert command is not None, line
        if len(arguments) > 1:
            try:
                command.make_context(arguments[0], arguments[1:])
            except click.UsageError as error:
                pytest.fail(f"{line}: {error.message}")


def test_the_check_of_commands_can_fail() -> None:
    command = cli.get_command(click.Context(cli), "run")
    assert command is not None
    with pytest.raises(click.NoSuchOption):
        command.make_context("run", ["mobile", "--nonsense"])
    assert _arguments(".venv/bin/bench run x  # go") == ["run", "x"]
    assert _arguments("pytest benchmarks") is None


def test_the_readme_shows_nothing_before_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    languages = re.findall(r"^```([a-z]+)$", text, re.MULTILINE)
    assert languages[:2] == ["sh", "sh"]
    assert languages.count("sh") == 2
