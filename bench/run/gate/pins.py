"""Pins: which versions a checkout's lock files ask for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*])?\s*==\s*(?P<version>[^\s;,#\\]+)")
TEXTS = ("requirements*.txt", "constraints*.txt")
LOCKS = ("poetry.lock", "pdm.lock", "uv.lock", "pylock*.toml")
MOST_BYTES = 20_000_000


def pins_of(folder: Path) -> dict[str, str]:
    """Return the pinned versions by normalised name: pyproject's own, then requirements, constraints, lock files.

    A later source wins. Markers are not evaluated: the first pin of a name in a file counts. What cannot be read is
    passed over, since a file of that name need not be what it looks like.
    """
    found: dict[str, str] = {}
    for source in (
        _project(folder),
        *(_text(each) for each in _files(folder, TEXTS)),
        *map(_lock, _files(folder, LOCKS)),
    ):
        mine: dict[str, str] = {}
        for name, version in source:
            mine.setdefault(normal(name), version)
        found |= mine
    return found


def normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _files(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return [each for each in found if each.is_file() and each.stat().st_size < MOST_BYTES]


def _text(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _PIN.match(line):
            yield match["name"], match["version"]


def _lock(path: Path) -> Iterator[tuple[str, str]]:
    data = _toml(path)
    for each in (*_list(data.get("package")), *_list(data.get("packages"))):
        if isinstance(each, dict) and "name" in each and "version" in each:
            yield str(each["name"]), str(each["version"])


def _project(folder: Path) -> Iterator[tuple[str, str]]:
    project = _toml(folder / "pyproject.toml").get("project")
    if isinstance(project, dict):
        extras = project.get("optional-dependencies")
        groups = [project.get("dependencies"), *(extras.values() if isinstance(extras, dict) else ())]
        for line in (each for group in groups for each in _list(group)):
            if match := _PIN.match(str(line)):
                yield match["name"], match["version"]


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
