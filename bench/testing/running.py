"""Running a suite for pytest: cells from the plan, numbers from the command itself in a process of its own.

`bench run` and `bench gate` are started as a user would start them: what pytest says of a cell is what the command
says, and no plugin's crash takes the test session with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.suite.cell import Cell
from bench.testing.judging import Judgement, of_gate, of_records

# Exit codes that leave a document: all went well, failed, cells failed, not comparable, undecided, unfit.
ANSWERED = (0, 1, 3, 4, 5, 6)
TAIL = 4000  # characters of stderr shown when a command gave no answer


@dataclass(frozen=True)
class CellName:
    """One cell: its id, its name as a test, its line in the suite."""

    id: str
    name: str
    line: int


@dataclass(frozen=True)
class Asked:
    """What pytest's command line asked for."""

    against: str | None = None
    minutes: float | None = None
    plugins: tuple[str, ...] = ()
    output: Path | None = None
    show_progress: bool = False


def open_cells(path: Path, plugins: Sequence[str]) -> tuple[CellName, ...]:
    """Return the cells of a suite. Raises BenchError for a mistake in it."""
    from bench.plan import Catalogue
    from bench.registry import load_registry
    from bench.suite import Vocabulary, load

    registry = load_registry(plugins, describe=_describe)
    offers = Catalogue.from_offers(registry.offers).offers
    suite = load(
        path, vocabulary=Vocabulary.of(each for each in offers if "opens" not in each.facts), env=dict(os.environ)
    )
    return tuple(CellName(each.id, _name(each), suite.where_recipe(each)[1]) for each in suite.cells())


def _name(cell: Cell) -> str:
    """Return a cell's name in the form of a parametrised test: pytest takes dots before the bracket for separators."""
    return f"{cell.task}[{str(cell).removeprefix(f'{cell.task} · ')}]"


def judge(path: Path, cells: Sequence[CellName], asked: Asked) -> dict[str, Judgement]:
    """Run or gate a suite and return what came out, by cell. Raises BenchError when the command gave no answer."""
    with tempfile.TemporaryDirectory(prefix="bench-pytest-") as scratch:
        folder = asked.output / path.stem if asked.output else Path(scratch)
        if asked.against is not None:
            return of_gate(_ask(_gate(path, cells, folder, asked), asked))
        return of_records(_ask(_run(path, cells, folder, asked), asked)["records"])


def _run(path: Path, cells: Sequence[CellName], folder: Path, asked: Asked) -> list[str]:
    return ["run", str(path), "--only", _only(cells), "-o", str(folder), "--json", *_plugins(asked)]


def _gate(path: Path, cells: Sequence[CellName], folder: Path, asked: Asked) -> list[str]:
    assert asked.against is not None
    minutes = ["--minutes", f"{asked.minutes:g}"] if asked.minutes is not None else []
    where = ["--against", asked.against, "--only", _only(cells), "-o", str(folder)]
    return ["gate", str(path), *where, "--format", "json", *minutes, *_plugins(asked)]


def _only(cells: Sequence[CellName]) -> str:
    return "id=" + ",".join(each.id for each in cells)


def _plugins(asked: Asked) -> list[str]:
    return [word for each in asked.plugins for word in ("-p", each)]


def _ask(arguments: Sequence[str], asked: Asked) -> Any:
    ended = start([sys.executable, "-m", "bench", *arguments], show_progress=asked.show_progress)
    if ended.returncode in ANSWERED:
        try:
            return json.loads(ended.stdout)
        except ValueError:
            pass
    said = (ended.stderr or "").strip()[-TAIL:]
    raise BenchError(f"bench {arguments[0]} ended with exit code {ended.returncode} and no result\n{said}".rstrip())


def start(command: Sequence[str], *, show_progress: bool) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its progress goes to the terminal or is kept for the error message."""
    streams = {"stdout": subprocess.PIPE, "stderr": None if show_progress else subprocess.PIPE}
    return subprocess.run(command, **streams, encoding="utf-8", errors="replace", check=False)  # type: ignore[call-overload,no-any-return]


def _describe(file: str) -> list[Any]:
    """Describe a one-file plugin in a throwaway child."""
    from bench.run import spawn_child

    worker = spawn_child(1, None)
    try:
        return list(worker.request("describe", {"file": file}, timeout_s=120.0).data["offers"])
    finally:
        worker.close()
