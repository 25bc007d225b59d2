"""Axes: the entries of one axis of a matrix, read into choices that remember where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import did_you_mean
from bench.suite.own import read_own
from bench.suite.recipes import MAX_FAN_OUT, NAME, Reader
from bench.suite.scenario import read_scenario
from bench.suite.tree import Keys

# The recipe turns fastest, so that the cells of one comparison lie side by side.
ORDER = ("task", "backend", "device", "scenario", "batch", "threads", "recipe")
LARGEST = {"batch": 65_536, "threads": 1_024}
EMPTY = {"task": "name one at least", "backend": "name one at least"}
# 'cuda:0?' asks for the device when it is present; 'xla:TPU' names what a runtime of several kinds computes on.
DEVICE = re.compile(r"[a-z][a-z0-9_-]{0,31}(:([0-9]{1,3}|[A-Z]{2,8}))?\??")


@dataclass(frozen=True)
class Choice:
    """One value of an axis and the path of keys to where it stands.

    A backend and a scenario are Steps, a recipe is a tuple of them.
    """

    value: Any
    keys: Keys


def read_axis(axis: str, entries: Any, keys: Keys, reader: Reader) -> list[Choice]:
    """Return the choices of an axis; one value counts as a list of one. What is wrong is added to the problems."""
    if not isinstance(entries, list):
        return _read_entry(axis, entries, keys, reader)
    if not entries:
        reader.problems.at_value(keys, f"the list '{axis}' is empty; {EMPTY.get(axis, 'leave the key out instead')}")
    found: list[Choice] = []
    for index, entry in enumerate(entries):
        found += _read_entry(axis, entry, (*keys, index), reader)
        if len(found) > MAX_FAN_OUT:
            reader.problems.at_key(keys, f"'{axis}' fans out to more than {MAX_FAN_OUT:,} choices")
            break
    return found


def read_entries(
    entry: Mapping[str, Any], keys: Keys, reader: Reader, axes: Sequence[str] = ORDER
) -> dict[str, list[Choice]]:
    """Return the choices of every axis that an entry of `include` or `exclude` names."""
    found: dict[str, list[Choice]] = {}
    if not entry:
        reader.problems.at_value(keys, "names no axis; write at least one, like {task: minilm}")
    for axis, value in entry.items():
        if axis not in ORDER:
            reader.problems.at_key((*keys, axis), f"unknown axis '{axis[:40]}'.{did_you_mean(axis, ORDER)}")
        elif axis in axes:
            # A list of steps is one pipeline here: an entry names one recipe.
            read = _read_entry if axis == "recipe" else read_axis
            found[axis] = read(axis, value, (*keys, axis), reader)
    return found


def _read_entry(axis: str, entry: Any, keys: Keys, reader: Reader) -> list[Choice]:
    if axis == "recipe":
        return [Choice(each, keys) for each in reader.recipes(entry, keys)]
    if axis == "backend":
        return [Choice(each, keys) for each in reader.steps(entry, keys, "backend")]
    if axis == "scenario":
        scenario = read_scenario(entry, keys, reader)
        return [] if scenario is None else [Choice(scenario, keys)]
    if axis == "task" and isinstance(entry, dict):
        return _own(entry, keys, reader)
    if axis in LARGEST:
        problem = _whole(axis, entry)
    elif not isinstance(entry, str):
        problem = f"a {axis} is a name"
    else:
        problem = {"task": _task, "device": _device}[axis](entry, reader)
    if problem:
        reader.problems.at_value(keys, problem)
    return [] if problem else [Choice(entry, keys)]


def _own(entry: Mapping[str, Any], keys: Keys, reader: Reader) -> list[Choice]:
    """Read a model of the author's own; the same model may be named again, another model may not take its name."""
    found = read_own(entry, keys, reader.problems)
    if found is None:
        return []
    first = reader.models.setdefault(found.name, found)
    taken = reader.vocabulary is not None and reader.vocabulary.unknown("task", found.name) is None
    if not NAME.fullmatch(found.name):
        problem = f"'{found.name[:40]}' is no name of a task"
    elif taken:
        problem = f"a task is called '{found.name}' already: add name: NAME"
    elif (first.place, first.data_path, first.metric) != (found.place, found.data_path, found.metric):
        problem = f"two models are called '{found.name}': add name: NAME to one of them"
    else:
        return [Choice(found.name, keys)]
    reader.problems.at_value((*keys, "name" if "name" in entry else "model"), problem)
    return []


def _whole(axis: str, entry: Any) -> str | None:
    largest = LARGEST[axis]
    if isinstance(entry, int) and not isinstance(entry, bool) and 1 <= entry <= largest:
        return None
    return f"'{axis}' expects a whole number from 1 to {largest:,}, not {str(entry)[:40]!r}"


def _task(entry: str, reader: Reader) -> str | None:
    if not NAME.fullmatch(entry):
        return f"'{entry[:40]}' is no name of a task"
    if entry in reader.models:
        return None
    return reader.vocabulary.unknown("task", entry) if reader.vocabulary else None


def _device(entry: str, _: Reader) -> str | None:
    return (
        None
        if DEVICE.fullmatch(entry)
        else f"'{entry[:40]}' is no device: expected one like 'cpu', 'cuda:0', 'cuda:0?', 'xla:TPU'"
    )
