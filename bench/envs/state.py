"""What `bench env list` and the doctor show: every environment that is wanted or there, and what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.envs.found import Environment, every, find
from bench.envs.serving import why_unserved
from bench.envs.wanted import Wanted


def states(wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    """Return every environment that is wanted or there: its state, requirements, place, size and the command."""
    rows = [_state(each) for each in wanted]
    known = {each.key for each in wanted}
    return rows + [_unasked(each) for each in every() if each.key not in known]


def _state(wanted: Wanted) -> dict[str, Any]:
    found, here = find(wanted), why_unserved(wanted)
    about = {"name": wanted.name, "requirements": list(wanted.requirements), "offers": list(wanted.offers)}
    if found is not None:
        return {**about, "state": "adopted" if found.adopted else "built", **_place(found)}
    if not here:
        return {**about, "state": "here", "python": None, "size_bytes": None, "interpreter": None, "command": None}
    more = {"python": None, "size_bytes": wanted.disk_bytes, "interpreter": None, "command": wanted.command}
    return {**about, "state": "missing", "why": here, **more}


def _unasked(found: Environment) -> dict[str, Any]:
    return {
        "name": found.name,
        "requirements": list(found.requirements),
        "offers": [],
        "state": "unused",
        **_place(found),
    }


def _place(found: Environment) -> dict[str, Any]:
    kept = {name: asdict(found)[name] for name in ("key", "size_bytes", "adopted", "built", "notes")}
    return {**kept, "python": found.python_version, "interpreter": found.python, "command": None}


def missing(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Return what is neither there nor needless here: what `bench env build --all` builds."""
    return [each for each in wanted if find(each) is None and why_unserved(each)]
