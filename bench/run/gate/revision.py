"""A git revision as a baseline: its suite built in a worktree by a controller of its own, in its own environment."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import bench
from bench.artifact import Artifact
from bench.envs import serving
from bench.errors import BenchError
from bench.gate import snapshot
from bench.gate.facts import CellFacts
from bench.offer import Offer
from bench.run.gate.environment import Environment, environment_of
from bench.run.gate.parts import Baseline, Kept
from bench.run.settings import environment
from bench.store.scratch import scratch_folder
from bench.wire import Child, Limits, Worker
from bench.wire.strays import MARK, new_mark, start_watchdog

GIT_TIMEOUT_S = 300.0
BUILDER = "bench.cli.gate_build"


@dataclass(frozen=True)
class Request:
    """What to build at the revision: the same suite, one-file plugins and selection as here."""

    suite: Path
    plugins: Sequence[str] = ()
    only: Sequence[str] = ()
    allow_code: bool = False


@dataclass(frozen=True)
class Checkout:
    """A worktree of a commit; `top` is the root of the tree that one works in."""

    top: Path
    tree: Path
    commit: str

    def there(self, path: Path) -> Path | None:
        """Return where a path of the tree lies in the worktree; None for one outside of it."""
        with contextlib.suppress(ValueError):
            return self.tree / path.resolve().relative_to(self.top)
        return None


def resolve(suite: Path, revision: str) -> tuple[Path, str]:
    """Return the root of the tree that holds the suite, and the commit that a revision names.

    Raises BenchError where there is no git repository, or no such revision in it.
    """
    folder, neither = suite.resolve().parent, f"'{revision}' is neither a run's folder, nor a file, nor a git revision"
    outside = f"{neither}: {suite.name} lies in no git repository"
    top = Path(_git(folder, "rev-parse", "--show-toplevel", why=outside).strip()).resolve()
    wanted, why = f"{revision}^{{commit}}", f"{neither} of {top.name}"
    return top, _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted, why=why).strip()


@contextlib.contextmanager
def checked_out(suite: Path, revision: str, scratch: Path) -> Iterator[Checkout]:
    """Check a revision out beside the tree that holds the suite; the worktree goes with the block."""
    top, commit = resolve(suite, revision)
    with scratch_folder(scratch) as folder:
        tree = folder.resolve() / top.name
        _forget_gone(top, scratch.resolve())
        _git(top, "worktree", "add", "--detach", "--force", str(tree), commit, why=f"{revision} cannot be checked out")
        try:
            yield Checkout(top, tree, commit)
        finally:
            with contextlib.suppress(BenchError):
                _git(top, "worktree", "remove", "--force", str(tree), why="the worktree cannot be removed")


def _forget_gone(top: Path, scratch: Path) -> None:
    """Have git forget the worktrees of gates that were killed: their folders are swept, their names are still known.

    Those that people made elsewhere, or that lie on a disk which is not there now, are left alone.
    """
    for line in _git(top, "worktree", "list", "--porcelain", why="the worktrees cannot be listed").splitlines():
        kept, place = line.partition("worktree ")[::2]
        if not kept and Path(place).is_relative_to(scratch) and not Path(place).exists():
            with contextlib.suppress(BenchError):
                _git(top, "worktree", "remove", "--force", place, why="a worktree cannot be removed")


@contextlib.contextmanager
def from_revision(revision: str, request: Request, cache: Path, tell: Callable[[str, str], None]) -> Iterator[Baseline]:
    """Give a revision's baseline, built; its worktree stands as long as the block, for workers that run its code."""
    with checked_out(request.suite, revision, cache / "work") as checkout:
        suite = checkout.there(request.suite)
        if suite is None or not suite.is_file():
            raise BenchError(f"{request.suite} does not exist at {revision}", cure="gate against a later revision")
        tell("note", f"building {revision} ({checkout.commit[:12]})")
        theirs = environment_of(checkout.tree, checkout.top, cache)
        paths = _paths(checkout)
        spawn = _spawner(theirs, paths, checkout)
        built = _build(checkout, suite, request, theirs, paths)
        yield _baseline(revision, checkout, built, theirs, spawn)


def _build(
    checkout: Checkout, suite: Path, request: Request, theirs: Environment, paths: Sequence[Path]
) -> Mapping[str, Any]:
    """Run a controller of the revision's environment over its suite; it times nothing."""
    plugins = [str(found) for each in request.plugins if (found := _plugin(checkout, Path(each))) is not None]
    with tempfile.TemporaryDirectory() as name:
        asked, answer = Path(name) / "asked.json", Path(name) / "built.json"
        words = {"suite": str(suite), "plugins": plugins, "only": list(request.only), "code": request.allow_code}
        asked.write_text(json.dumps({**words, "output": str(answer)}), encoding="utf-8")
        command = [theirs.python, "-P", "-m", BUILDER, str(asked)]
        # Marked like a worker: should this controller be killed, its watchdog ends the one that builds there too.
        path = {"PYTHONPATH": os.pathsep.join(map(str, paths)), MARK: new_mark()}
        start_watchdog()
        ended = subprocess.run(
            command, cwd=_folder(checkout), env={**os.environ, **path}, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if ended.returncode or not answer.is_file():
            said = "\n".join(ended.stderr.strip().splitlines()[-20:])
            raise BenchError(f"the suite cannot be built at {checkout.commit[:12]}:\n{said[-3000:]}")
        found = json.loads(answer.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found


def _baseline(revision: str, checkout: Checkout, built: Mapping[str, Any], theirs: Environment, spawn: Any) -> Baseline:
    _, facts = snapshot.from_text(built["facts"], revision)
    cells: dict[str, Kept] = {}
    for cell, each in facts.items():
        artifact = Artifact.from_json(built["artifacts"][cell])
        runtime = f"{each.runtime}+{theirs.key}" if theirs.key else each.runtime
        backend = Offer.from_json(built["backends"][cell])
        cells[cell] = Kept(replace(each, runtime=runtime), artifact, spawn=partial(spawn, backend), backend=backend)
    for cell, other in built["others"].items():
        cells[cell] = Kept(CellFacts(cell, other["name"], other["status"], other["reason"]))
    notes = []
    if theirs.differs:
        named = ", ".join(f"{name} {version}" for name, version in theirs.differs.items())
        notes.append(f"the environment of {revision} differs from this one: {named[:300]}")
    return Baseline(f"{revision} ({checkout.commit[:12]})", cells, tuple(notes))


def _spawner(theirs: Environment, paths: Sequence[Path], checkout: Checkout) -> Any:
    variables = {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    folder = str(_folder(checkout))

    def spawn(backend: Offer, threads: int, memory_bytes: int | None) -> Worker:
        limits = Limits(memory_bytes, {**environment(threads), **variables}, folder)
        own = serving(backend)
        return Child(limits, python=own.python if own else theirs.python)

    return spawn


def _paths(checkout: Checkout) -> list[Path]:
    """Return what the revision's processes import from: the core that runs, then the revision's own sources.

    The core that measures is one and the same on both sides; whatever else of the tree is importable here, installed
    from it or in place, comes from the worktree.
    """
    shim = checkout.tree.parent / "core"
    shim.mkdir()
    package = Path(bench.__file__).resolve().parent
    for name in ("bench", "suites", "reports"):
        place = package if name == "bench" else package.parent / name
        if place.is_dir():
            (shim / name).symlink_to(place, target_is_directory=True)
    outside = [Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    mapped = [
        there for each in (*map(Path, sys.path), *_installed_from(checkout.top)) if (there := checkout.there(each))
    ]
    kept = [each for each in outside if checkout.there(each) is None]
    return list(dict.fromkeys([shim, *(each for each in mapped if each.is_dir()), *kept]))


def _installed_from(top: Path) -> Iterator[Path]:
    """Yield source roots of distributions that were installed from somewhere in the tree (PEP 610)."""
    for each in importlib.metadata.distributions():
        try:
            url = json.loads(each.read_text("direct_url.json") or "{}").get("url", "")
        except (ValueError, OSError):
            continue
        place = Path(unquote(urlparse(str(url)).path))
        if str(url).startswith("file:") and place.is_relative_to(top):
            yield from (place / name for name in ("src", "plugins", "."))


def _folder(checkout: Checkout) -> Path:
    """Return the worktree's counterpart of the current folder, so that relative paths mean the same."""
    there = checkout.there(Path.cwd())
    return there if there is not None and there.is_dir() else checkout.tree


def _plugin(checkout: Checkout, file: Path) -> Path | None:
    """Return a one-file plugin as it was; None for one of the tree that did not exist then."""
    there = checkout.there(file)
    if there is None:
        return file.resolve()
    return there if there.is_file() else None


def _git(folder: Path, *words: str, why: str) -> str:
    command = ["git", "-c", f"core.hooksPath={os.devnull}", "-C", str(folder), *words]
    # What git sets for its own hooks would send these commands to another repository.
    clean = {
        key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    }
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False, env=clean)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{why}: git cannot be run ({error})") from error
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-1:] or ["no such thing"]
        cure = "in CI, fetch more of the history (actions/checkout: fetch-depth: 0)"
        raise BenchError(f"{why}: {said[0][:300]}", cure=cure)
    return ended.stdout
