"""Adopting: an interpreter that exists (a vendor's image, a conda environment) is used as it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench.envs.found import Environment, environments_folder, keep_adopted
from bench.envs.here import why_unmet
from bench.envs.look import Seen, look_into
from bench.envs.wanted import BASE, Wanted
from bench.errors import BenchError


def adopt(wanted: Wanted, python: str, *, folder: Path | None = None) -> Environment:
    """Remember an interpreter for a set of requirements; nothing is written into it.

    The core that runs reaches it when a worker starts. Versions other than those asked for are taken and noted: who
    adopts has chosen them. Raises BenchError for what is no interpreter, and for one that lacks an import name.
    """
    path = _interpreter(python)
    seen = look_into(path, [*BASE, *wanted.needs])
    if seen.lacks:
        raise BenchError(
            f"{path} lacks {', '.join(seen.lacks)}, which '{wanted.name}' and the core need there",
            cure=f"{path} -m pip install {' '.join(seen.lacks)}, then adopt it again",
        )
    place = folder or environments_folder()
    place.mkdir(parents=True, exist_ok=True)
    adopted = Environment(
        name=wanted.name,
        key=wanted.key,
        python=str(path),
        python_version=seen.python_version,
        requirements=wanted.requirements,
        packages=seen.packages,
        adopted=True,
        built=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        notes=tuple(why for each in wanted.requirements if (why := why_unmet(each, _versions(seen)))),
    )
    keep_adopted(adopted, wanted, place)
    return adopted


def _interpreter(python: str) -> Path:
    """Return an interpreter's absolute path, links kept: a virtual environment is known by the link's own place."""
    given = Path(python).expanduser()
    found = str(given.absolute()) if given.is_file() else shutil.which(python)
    if given.is_dir():
        raise BenchError(f"{python} is a folder", cure=f"name the interpreter, as in {given / 'bin' / 'python'}")
    if found is None:
        raise BenchError(f"there is no interpreter {python}")
    return Path(found)


def _versions(seen: Seen) -> Callable[[str], str | None]:
    """Return its versions by whatever spelling of a name, as `why_unmet` asks for them."""
    from packaging.utils import canonicalize_name

    versions: dict[str, str] = {}
    for each in seen.packages:
        name, _, address = each.partition(" @ ")
        name, _, version = name.partition("==")
        versions[canonicalize_name(name)] = version or f"0 @ {address}"
    return lambda name: versions.get(canonicalize_name(name))
