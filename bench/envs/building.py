"""Building: beside its place, renamed when whole, the marker written last, one builder at a time.

However a builder ends, what it leaves is no environment: the next one removes it and starts again, with the downloads
that the installer kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.envs.found import MARKER, Environment, environments_folder, find, keep, python_in
from bench.envs.installer import install, make_venv
from bench.envs.look import look_into
from bench.envs.wanted import Wanted, base_requirements
from bench.errors import BenchError
from bench.store import held

FRESH = ".new-"
PATIENCE_S = 4 * 3600.0
SCRIPT_BYTES = 1 << 16
Say = Callable[[str], None]


def build(
    wanted: Wanted, *, folder: Path | None = None, installer: str = "auto", say: Say = lambda _: None
) -> Environment:
    """Return the environment, built now if it is not there; somebody else's building is waited for.

    Raises BenchError, with the installer's own words, when it cannot be built.
    """
    place = folder or environments_folder()
    place.mkdir(parents=True, exist_ok=True)
    waiting = lambda owner: say(f"{wanted.name} is being built by {owner}; waiting for it")  # noqa: E731
    with held(place / f"{wanted.folder_name}.lock", patience_s=PATIENCE_S, waiting=waiting):
        there = find(wanted, place)
        if there is not None:
            return there
        shutil.rmtree(place / wanted.folder_name, ignore_errors=True)
        _sweep(wanted, place)
        fresh = Path(tempfile.mkdtemp(dir=place, prefix=f"{FRESH}{wanted.folder_name}-"))
        try:
            return _build(wanted, fresh, place / wanted.folder_name, installer, say)
        finally:
            _sweep(wanted, place)  # again: a dead builder's installer may have written until it was ended, too


def _sweep(wanted: Wanted, place: Path) -> None:
    """Remove what builders of this environment left that did not come to their end; their lock is ours now."""
    for each in place.glob(f"{FRESH}{wanted.folder_name}-*"):
        shutil.rmtree(each, ignore_errors=True)


def _build(wanted: Wanted, fresh: Path, target: Path, installer: str, say: Say) -> Environment:
    say(f"building {wanted.name}: {', '.join(wanted.requirements)}")
    python = make_venv(fresh)
    install(python, [*base_requirements(), *wanted.requirements], installer)
    seen = look_into(python, wanted.needs)
    if seen.lacks:
        raise BenchError(
            f"the requirements of '{wanted.name}' were installed, and {', '.join(seen.lacks)} still cannot be found",
            cure="its plugin declares import names that its requirements do not bring",
        )
    _repoint(fresh, target)
    fresh.chmod(0o755)  # a temporary folder is private; an environment may be shared
    size = sum(each.lstat().st_size for each in fresh.rglob("*") if not each.is_dir())
    fresh.rename(target)
    built = Environment(
        name=wanted.name,
        key=wanted.key,
        python=str(python_in(target)),
        python_version=seen.python_version,
        requirements=wanted.requirements,
        packages=seen.packages,
        size_bytes=size,
        built=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    if hasattr(os, "sync"):
        os.sync()  # the marker must not reach the disk before what it vouches for
    keep(built, target / MARKER)
    return built


def _repoint(fresh: Path, target: Path) -> None:
    """Let scripts start the interpreter at its later place: installers write its path into their first lines."""
    before, after = os.fsencode(fresh), os.fsencode(target)
    for each in (*python_in(fresh).parent.iterdir(), fresh / "pyvenv.cfg"):
        if each.is_file() and not each.is_symlink() and each.stat().st_size < SCRIPT_BYTES:
            text = each.read_bytes()
            if before in text:
                each.write_bytes(text.replace(before, after))
