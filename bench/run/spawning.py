"""Where workers of an offer start: here, or in its environment with the code that runs, checked at hello."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from bench import __version__
from bench.envs import Environment, code_paths, core_digest, environments_folder, serving
from bench.errors import Unsupported, WorkerError
from bench.offer import Offer
from bench.run.settings import Settings, Spawn, environment
from bench.wire import PROTOCOL, Child, Limits, Worker

HELLO_TIMEOUT_S = 60.0
SHOWN = 3
_GREETED: set[tuple[str, str]] = set()


def settings_for(offer: Offer, settings: Settings) -> Settings:
    """Return settings whose workers start where an offer works. Raises Unsupported where it has no environment."""
    found = serving(offer)
    return settings if found is None else replace(settings, spawn=_inside(found, offer, settings))


def home_of(task: Offer, settings: Settings) -> Settings:
    """Return settings whose workers hold a task: here, or where its runtime is for a model of somebody's own.

    What such a model takes and answers, only its runtime can tell.
    """
    return settings_for(task, settings) if is_own(task) else settings


def is_own(task: Offer) -> bool:
    """Whether a task is made of a model of somebody's own: its offer opens a kind of file."""
    return "opens" in task.facts


def spawn_for(offer: Offer, settings: Settings) -> Spawn:
    """Return how a worker of an offer is started. Raises Unsupported where it has no environment."""
    return settings_for(offer, settings).spawn


def _inside(found: Environment, offer: Offer, settings: Settings) -> Spawn:
    if settings.in_process:
        raise Unsupported(f"{offer.kind} '{offer.name}' works in an environment of its own, so not in this process")

    def spawn(threads: int, memory_bytes: int | None) -> Worker:
        paths = os.pathsep.join(map(str, code_paths(offer, environments_folder(), settings.meters)))
        variables = {**environment(threads), "PYTHONPATH": paths, "PYTHONNOUSERSITE": "1"}
        worker = Child(Limits(memory_bytes, variables), python=found.python)
        try:
            greet(worker, found)
        except BaseException:
            worker.close()
            raise
        return worker

    return spawn


def greet(worker: Worker, found: Environment) -> None:
    """Make sure, once a run, that a worker is of this version and what is installed there is what was noted of it.

    Raises WorkerError that says what differs. The version can where an adopted interpreter is a wrapper that ignores
    PYTHONPATH, and has a joulebench of its own; packages can where somebody installed others since, and results of two
    runtimes would pass for those of one.
    """
    key = (found.python, found.id)
    if key in _GREETED:
        return
    said = worker.request("hello", {}, timeout_s=HELLO_TIMEOUT_S).data
    if why := mismatch(said):
        kind = "adopted" if found.adopted else "built"
        cure = f"remove joulebench from {found.python}, or adopt another: bench env adopt {found.name} PYTHON"
        raise WorkerError(
            f"the worker in the {kind} environment '{found.name}' is of another joulebench: {why}; {cure}"
        )
    looked = worker.request("hello", {"look": True}, timeout_s=HELLO_TIMEOUT_S).data  # another version knows no such
    if changed := _changed(looked, found):
        again = f"bench env adopt {found.name} {found.python}"
        again = again if found.adopted else f"bench env remove {found.name}, then bench env build {found.name}"
        raise WorkerError(f"the environment '{found.name}' has changed since it was noted: {changed}; {again}")
    _GREETED.add(key)


def _changed(said: Mapping[str, object], found: Environment) -> str:
    """Return what is installed in an environment and was not when it was noted, or the reverse; the first few."""
    there, told = said.get("packages"), found.packages
    now = {str(each) for each in there} if isinstance(there, list) else set()
    python = [] if said.get("python") == found.python_version else [f"Python is {said.get('python')}"]
    signs = [f"{each} is there" for each in sorted(now - set(told))]
    gone = [f"{each} is not" for each in sorted(set(told) - now)]
    return ", ".join([*python, *signs[:SHOWN], *gone[:SHOWN]])


def mismatch(said: Mapping[str, object]) -> str | None:
    """Return how a worker's hello differs from this controller, None where it does not."""
    for name, ours in (("protocol", PROTOCOL), ("version", __version__), ("core", core_digest())):
        theirs = said.get(name, "none")
        if theirs != ours:
            what = "code of the core" if name == "core" else name
            return f"{what} {theirs} there, {ours} here"
    return None
