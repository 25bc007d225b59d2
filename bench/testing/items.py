"""Suites as test files, cells as test items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.testing.judging import Judgement
from bench.testing.running import Asked, CellName, judge, open_cells

RUNS: pytest.StashKey[dict[Path, dict[str, Judgement]]] = pytest.StashKey()


class CellFailed(Exception):
    """A cell broke its limits, or did not run."""


class SuiteFile(pytest.File):
    """A suite: its cells are collected from the plan, nothing is run."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for every cell; a mistake in the suite is a collection error with its line."""
        if hasattr(self.config, "workerinput"):
            raise self.CollectError(f"{self.path.name}: one thing is measured at a time: run it without -n")
        try:
            cells = open_cells(self.path, self.config.getoption("bench_plugin"))
        except BenchError as error:
            raise self.CollectError(str(error)) from error
        for each in cells:
            yield CellItem.from_parent(self, name=each.name, cell=each)


class CellItem(pytest.Item):
    """One cell. FAIL fails, INCONCLUSIVE and unsupported are skipped with their reason."""

    def __init__(self, *, cell: CellName, **more: Any) -> None:
        super().__init__(**more)
        self.cell = cell

    def runtest(self) -> None:
        """Run the suite, once for all its cells, and say what came out for this one."""
        found = self._judgements().get(self.cell.id)
        if found is None:
            raise CellFailed("nothing was said about this cell")
        self.user_properties.append(("bench", found.properties))
        if found.outcome == "skip":
            pytest.skip(found.text)
        if found.outcome == "fail":
            raise CellFailed(found.text)
        self.add_report_section("call", "bench", found.text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a verdict without a traceback."""
        if isinstance(excinfo.value, (CellFailed, BenchError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the line of the suite that asked for the cell."""
        return self.path, self.cell.line - 1, self.name

    def _judgements(self) -> dict[str, Judgement]:
        """Return every cell's judgement, running those of this file that were not deselected when first asked."""
        runs = self.session.stash.setdefault(RUNS, {})
        if self.path not in runs:
            wanted = [each.cell for each in self.session.items if isinstance(each, CellItem) and each.path == self.path]
            runs[self.path] = judge(self.path, wanted, asked_of(self.config))
        return runs[self.path]


def asked_of(config: pytest.Config) -> Asked:
    """Return what the command line asked for."""
    output = config.getoption("bench_output")
    return Asked(
        against=config.getoption("bench_against"),
        minutes=config.getoption("bench_minutes"),
        plugins=tuple(config.getoption("bench_plugin")),
        output=Path(output) if output else None,
        show_progress=config.getoption("capture") == "no",
    )
