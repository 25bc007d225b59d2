"""Kinds of recipes as marks of a chart: a shape and a colour class each, so that nothing hangs on colour."""

from __future__ import annotations

from collections.abc import Iterable

from bench.publish.text import visible
from bench.record import Record

# Paths round the origin, about 12 units across; each has roughly the same area.
_PATHS = (
    "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
    "M-5.3-5.3H5.3V5.3H-5.3Z",
    "M0-7L6.6 5H-6.6Z",
    "M0-7.4L6.4 0L0 7.4L-6.4 0Z",
    "M0 7L6.6-5H-6.6Z",
    "M-2.2-6.5H2.2V-2.2H6.5V2.2H2.2V6.5H-2.2V2.2H-6.5V-2.2H-2.2Z",
)
_FIXED = {"none": 0, "quantize": 0, "prune": 1, "distill": 2, "pipeline": 3}
_SPARE = (4, 5)


def method(record: Record) -> str:
    """Return the kind of a recipe: none, the name of its one step, or pipeline."""
    steps = record.cell.recipe
    return "none" if not steps else visible(steps[0].name, 40) if len(steps) == 1 else "pipeline"


def styles(records: Iterable[Record]) -> dict[str, tuple[str, str]]:
    """Return (css class, path) by method: fixed for the usual methods, the rest in order of appearance."""
    found: dict[str, tuple[str, str]] = {}
    strangers = 0
    for name in dict.fromkeys(map(method, records)):
        if name in _FIXED:
            found[name] = (f"m-{name}", _PATHS[_FIXED[name]])
        else:
            found[name] = (f"m-x{strangers % 3}", _PATHS[_SPARE[strangers % len(_SPARE)]])
            strangers += 1
    order = [name for name in _FIXED if name in found]
    return {name: found[name] for name in (*order, *(each for each in found if each not in _FIXED))}
