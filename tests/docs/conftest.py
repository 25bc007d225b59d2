"""What documentation tests share: the pages and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.registry import Registry, load_registry

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Return every page that people read: at the root, under docs/ and beside the benchmarks."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    return sorted(found)


def named(pages: list[Path]) -> list:
    return [pytest.param(each, id=each.relative_to(ROOT).as_posix()) for each in pages]


def blocks(page: Path, language: str) -> Iterator[str]:
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == language:
            yield match["body"]


def without_fences(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def reference(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()
