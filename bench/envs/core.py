"""The code that goes into an environment: the running core and the plugin's package, copied by content.

A worker elsewhere imports these copies before anything installed there. They are named by their content, so that an
edit of the checkout reaches the next worker without a new environment, and two controllers of two versions share one.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.offer import Offer

CODE = "code"
KEPT_S = 30 * 24 * 3600.0  # a copy that no worker was started from for so long belongs to code that is gone
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc", "_shelf")


def code_paths(offer: Offer, folder: Path, meters: Sequence[str] = ()) -> list[Path]:
    """Return the folders that a worker of an offer imports from, copied to `folder` first where they are not there.

    `meters` are the targets of meters that may have to read there.
    """
    tops = [each.partition(":")[0] for each in (offer.target, *meters)]
    own = [each.partition(".")[0] for each in tops if not each.endswith(".py")]
    return [_copied(name, folder / CODE) for name in dict.fromkeys(["bench", *own])]


def core_digest() -> str:
    """Return the digest of the core that this process imports: what controller and worker compare at hello."""
    return code_digest(Path(__file__).resolve().parents[1])


@functools.cache
def code_digest(package: Path) -> str:
    """Return the digest of a package's files by relative name and content; a module of one file likewise."""
    state = hashlib.sha256()
    for each in _files(package):
        name = each.relative_to(package.parent).as_posix()
        state.update(f"{name}\0{each.stat().st_size}\0".encode() + each.read_bytes())
    return state.hexdigest()[:16]


def _files(package: Path) -> list[Path]:
    if package.is_file():
        return [package]
    parts = ((each, each.relative_to(package).parts) for each in package.rglob("*") if each.is_file())
    return sorted(e for e, names in parts if e.suffix != ".pyc" and not {"__pycache__", "_shelf"} & set(names))


def _copied(name: str, place: Path) -> Path:
    """Return the folder that holds a copy of a package; it takes its name when it is whole."""
    package = _package(name)
    target = place / f"{name}-{code_digest(package)}"
    if target.is_dir():
        os.utime(target)  # in use: see `_prune`
        return target
    place.mkdir(parents=True, exist_ok=True)
    _prune(place)
    fresh = Path(tempfile.mkdtemp(dir=place, prefix=".new-"))
    try:
        if package.is_dir():
            shutil.copytree(package, fresh / name, ignore=UNWANTED)
        else:
            shutil.copyfile(package, fresh / package.name)
        fresh.chmod(0o755)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.is_dir():  # otherwise another controller was first with the same content
            raise
    return target


def _prune(place: Path) -> None:
    """Remove copies that nothing used for a month, and what a killed copy left: every edit of a checkout makes one."""
    for each in place.iterdir():
        try:
            if time.time() - each.stat().st_mtime > KEPT_S:
                shutil.rmtree(each)
        except OSError:  # another controller is at it as well, or may not
            continue


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise BenchError(f"the package '{name}' of a plugin is not found, so it cannot go into an environment")
    origin = Path(spec.origin).resolve()
    return origin.parent if spec.submodule_search_locations else origin
