"""The floors of the house and the size of its rooms."""

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_LINES, MEDIAN_LINES, NINETIETH_LINES = 500, 130, 300
MOST_LINES_OF_A_FUNCTION, MEDIAN_OF_FUNCTIONS = 60, 10


@pytest.fixture(scope="module")
def sources(root: Path) -> dict[Path, str]:
    paths = [each for folder in ("bench", "plugins") for each in (root / folder).rglob("*.py")]
    return {path.relative_to(root): path.read_text(encoding="utf-8") for path in paths}


def _functions(sources: dict[Path, str]) -> Iterator[tuple[int, str]]:
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.lineno} {node.name}"


def test_imports_go_down_only_and_plugins_are_strangers(root: Path) -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_no_file_is_too_long(sources: dict[Path, str]) -> None:
    lines = {path: len(text.splitlines()) for path, text in sources.items()}
    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}
    assert statistics.median(lines.values()) < MEDIAN_LINES
    assert sum(n < NINETIETH_LINES for n in lines.values()) >= 0.9 * len(lines)


def test_no_function_is_too_long(sources: dict[Path, str]) -> None:
    lengths = list(_functions(sources))
    assert [each for each in lengths if each[0] > MOST_LINES_OF_A_FUNCTION] == []
    assert statistics.median(n for n, _ in lengths) < MEDIAN_OF_FUNCTIONS
