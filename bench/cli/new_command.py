"""`bench new`: a plugin that works, to be changed: one file with its test, or a package."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from string import Template

import click

from bench.cli.setup import FolderPath, open_registry
from bench.errors import BenchError
from bench.offer import Kind

TEMPLATES = Path(__file__).parent / "templates"
KINDS: dict[str, Kind] = {"backend": "backend", "compressor": "compressor"}
NEEDS = {"backend": '"onnx>=1.17", "numpy>=1.26"', "compressor": '"torch>=2.9"'}
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@click.command("new")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
@click.option("--package", is_flag=True, help="A package with pyproject.toml and entry point, instead of one file.")
@click.option(
    "-o", "--output", type=FolderPath(), default=Path(), metavar="DIR", help="Where it is written; here when left out."
)
def command(kind: str, name: str, package: bool, output: Path) -> None:
    """Write a plugin that works, with its test, for you to change: a backend or a compressor called NAME.

    A backend passes `bench check`, and so does its test: it runs ONNX files with onnx's own reference evaluator until
    you put your runtime in its place. Nothing that exists is overwritten.
    """
    words = _words(kind, name, package)
    files = _files(kind, words, output, package)
    if taken := [str(path) for path in files if path.exists()]:
        raise BenchError(
            f"it is there already: {', '.join(taken)}", cure="choose another name, or another folder: -o DIR"
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path)
    for line in _next(kind, words, output, package):
        click.echo(f"  {line}", err=True)


def _words(kind: str, name: str, package: bool) -> dict[str, str]:
    """Return what stands for the templates' placeholders. Raises BenchError for a name that cannot be one."""
    if not NAME.fullmatch(name) or len(name) > 40:
        raise BenchError(
            f"'{name[:60]}' is no name: small letters and digits, words joined by '-'", cure="like my-runtime"
        )
    if name in open_registry()[1].names(KINDS[kind]):
        raise BenchError(f"a {kind} is called '{name}' already", cure="choose another name")
    plain = name.replace("-", "_")
    if plain in sys.stdlib_module_names:
        raise BenchError(f"'{plain}' is a module of Python", cure=f"choose another name, like my-{name}")
    return {
        "name": name,
        "kind": kind,
        "module": f"bench_{plain}" if package else plain,
        "class_name": "".join(each.capitalize() for each in name.split("-")),
        "function_name": plain,
        "distribution": f"joulebench-{name}",
        "check": name if package else f"./{plain}.py",
        "needs": NEEDS[kind],
    }


def _files(kind: str, words: dict[str, str], output: Path, package: bool) -> dict[Path, str]:
    module = words["module"]
    plugin, test = _filled(f"{kind}.py", words), _filled(f"{kind}_test.py", words)
    if not package:
        return {output / f"{module}.py": plugin, output / f"test_{module}.py": test}
    root = output / words["distribution"]
    return {
        root / "pyproject.toml": _filled("pyproject.toml", words),
        root / module / "__init__.py": plugin,
        root / module / "py.typed": "",
        root / "tests" / f"test_{module}.py": test,
    }


def _filled(template: str, words: dict[str, str]) -> str:
    return Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(words)


def _next(kind: str, words: dict[str, str], output: Path, package: bool) -> list[str]:
    """Return the commands that come next."""
    where = output / words["distribution"] if package else output
    go = [] if str(where) == "." else [f"cd {where}"]
    check = [f"bench check {words['check']}"] if kind == "backend" else []
    return [*go, *(["pip install -e '.[test]'"] if package else []), "python -m pytest", *check]
