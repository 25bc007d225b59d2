"""Matrix: axes to cells, as GitHub Actions expands a matrix: the product, less what is excluded, plus what is included.

Every comparison (the cells that share all but the recipe) holds its baseline, first, whatever was excluded.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bench.suite.axes import ORDER, Choice, read_axis, read_entries
from bench.suite.cell import Cell, Recipe, Step
from bench.suite.model import MatrixModel
from bench.suite.own import OwnModel
from bench.suite.problems import Problems
from bench.suite.recipes import Reader
from bench.suite.tree import Keys
from bench.suite.vocabulary import Vocabulary, same

MAX_CELLS = 50_000
PLACE = ORDER[:-1]
Axes = Mapping[str, Sequence[Choice]]


@dataclass(frozen=True)
class Expansion:
    """Comparisons by id, each with its cells by id, the baseline first; `origins` leads from a cell to its recipe.

    `models` are the models of the author's own, by the names of their tasks.
    """

    groups: dict[str, dict[str, Cell]] = field(default_factory=dict)
    origins: dict[str, Keys] = field(default_factory=dict)
    models: dict[str, OwnModel] = field(default_factory=dict)


def expand(suite: str, model: MatrixModel, vocabulary: Vocabulary | None, problems: Problems) -> Expansion:
    """Return all cells of a matrix; what is wrong is added to `problems`."""
    reader = Reader(problems, vocabulary)
    axes = {axis: read_axis(axis, getattr(model, axis), ("matrix", axis), reader) for axis in ORDER}
    includes = [read_entries(each, ("matrix", "include", i), reader) for i, each in enumerate(model.include)]
    pattern = Reader(problems, vocabulary, partial=True, models=reader.models)
    excludes = [read_entries(each, ("matrix", "exclude", i), pattern) for i, each in enumerate(model.exclude)]
    out = Expansion(models=reader.models)
    if problems.errors or not _fits([axes, *({**axes, **each} for each in includes)], problems):
        return out
    _add(suite, axes, excludes, out)
    for each in includes:
        _add(suite, {**axes, **each}, (), out)
    if not out.groups:
        problems.at_key(("matrix", "exclude"), "excludes every cell: nothing is left to measure")
    return out


def _fits(products: Sequence[Axes], problems: Problems) -> bool:
    count = sum(math.prod(len(each[axis]) for axis in ORDER) for each in products)
    if count > MAX_CELLS:
        problems.at_key(("matrix",), f"makes {count:,} cells; the most is {MAX_CELLS:,}")
    return count <= MAX_CELLS


def _add(suite: str, axes: Axes, excludes: Sequence[Axes], out: Expansion) -> None:
    masks = {axis: _masks(axis, axes[axis], excludes) for axis in ORDER}
    recipes = list(zip(axes["recipe"], masks["recipe"], strict=True))
    everything = (1 << len(excludes)) - 1
    for place in product(*(zip(axes[axis], masks[axis], strict=True) for axis in PLACE)):
        dropped = functools.reduce(operator.and_, (mask for _, mask in place), everything)
        kept = [each for each, mask in recipes if not mask & dropped]
        if kept:
            _add_comparison(_baseline(suite, [each.value for each, _ in place]), kept, out)


def _masks(axis: str, choices: Sequence[Choice], excludes: Sequence[Axes]) -> list[int]:
    """Return bits for each choice, one per entry of `exclude` that agrees with it: a cell is out when all share one."""
    silent = sum(1 << bit for bit, entry in enumerate(excludes) if axis not in entry)
    named = [(1 << bit, [each.value for each in entry[axis]]) for bit, entry in enumerate(excludes) if axis in entry]
    return [
        silent + sum(bit for bit, values in named if any(_matches(axis, choice.value, value) for value in values))
        for choice in choices
    ]


def _add_comparison(baseline: Cell, recipes: Sequence[Choice], out: Expansion) -> None:
    group = out.groups.setdefault(baseline.id, {})
    if not group:
        group[baseline.id] = baseline
        none = next((each for each in recipes if not each.value), None)
        out.origins[baseline.id] = none.keys if none else ("matrix", "recipe")
    shared = {key: value for key, value in vars(baseline).items() if key != "recipe"}
    for each in recipes:
        cell = Cell(recipe=each.value, **shared) if each.value else baseline
        group.setdefault(cell.id, cell)
        out.origins.setdefault(cell.id, each.keys)


def _baseline(suite: str, values: Sequence[Any]) -> Cell:
    named = dict(zip(PLACE, values, strict=True))
    backend: Step = named.pop("backend")
    scenario: Step = named.pop("scenario")
    options: dict[str, Any] = {"backend_options": backend.options, "scenario_options": scenario.options}
    return Cell(suite=suite, recipe=(), backend=backend.name, scenario=scenario.name, **options, **named)


def _matches(axis: str, value: Any, pattern: Any) -> bool:
    if axis == "recipe":
        return _recipe_matches(value, pattern)
    return _step_matches(value, pattern) if axis in ("backend", "scenario") else same(value, pattern)


def _recipe_matches(recipe: Recipe, pattern: Recipe) -> bool:
    """One step matches every pipeline that holds it; 'none' the baseline; several steps that pipeline, in order."""
    if len(pattern) == 1:
        return any(_step_matches(step, pattern[0]) for step in recipe)
    return len(recipe) == len(pattern) and all(map(_step_matches, recipe, pattern))


def _step_matches(step: Step, pattern: Step) -> bool:
    if step.name != pattern.name:
        return False
    return all(key in step.options and same(step.options[key], value) for key, value in pattern.options.items())
