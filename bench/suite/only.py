"""Only: the expressions of `--only`, which choose cells by key=value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.errors import BenchError, did_you_mean
from bench.suite.cell import Cell

NONE = "none"
_VALUES: Mapping[str, Callable[[Cell], tuple[str, ...]]] = {
    "task": lambda cell: (cell.task,),
    "recipe": lambda cell: tuple(step.name for step in cell.recipe) or (NONE,),
    "backend": lambda cell: (cell.backend,),
    "device": lambda cell: (cell.device, cell.device.removesuffix("?")),
    "scenario": lambda cell: (cell.scenario,),
    "batch": lambda cell: (str(cell.batch),),
    "threads": lambda cell: (str(cell.threads),),
    "id": lambda cell: (cell.id,),
}


def select(cells: Sequence[Cell], expressions: Iterable[str]) -> tuple[Cell, ...]:
    """Return the cells that match, in their order, and the baseline of each: a comparison needs it.

    An expression is words `key=value`; all words of all expressions must hold, and `key=a,b` holds for either.
    `recipe=prune` holds for every pipeline with such a step, `recipe=none` for baselines, `id=` for a beginning.
    Raises BenchError for what is no such word, for unknown keys and values, and when nothing matches.

    >>> select(cells, ["task=mnist-dscnn recipe=prune,distill"])  # doctest: +SKIP
    """
    terms = [_term(word) for each in expressions for word in each.split()]
    for key, wanted in terms:
        _check_known(cells, key, wanted)
    chosen = [cell for cell in cells if all(_holds(cell, key, wanted) for key, wanted in terms)]
    if not chosen and cells:
        words = " ".join(f"{key}={','.join(wanted)}" for key, wanted in terms)
        raise BenchError(f"no cell matches '{words[:200]}': each of these matches some, but none all of them")
    keep = {cell.id for cell in chosen} | {cell.comparison for cell in chosen}
    return tuple(cell for cell in cells if cell.id in keep)


def matches(cell: Cell, expression: str) -> bool:
    """Whether a cell itself fits an expression of `--only`; a word without `=` is the beginning of an id, `all` any.

    Raises BenchError for what is no such word.
    """
    words = [word if "=" in word or word == "all" else f"id={word}" for word in expression.split()]
    terms = [_term(word) for word in words if word != "all"]
    return bool(words) and all(_holds(cell, key, wanted) for key, wanted in terms)


def _term(word: str) -> tuple[str, tuple[str, ...]]:
    key, equals, value = word.partition("=")
    wanted = tuple(each for each in value.split(",") if each)
    if not equals or not wanted:
        raise BenchError(f"'{word[:60]}' is not key=value", cure="write --only 'task=mnist-dscnn recipe=prune,distill'")
    if key not in _VALUES:
        raise BenchError(f"unknown key '{key[:40]}' in --only.{did_you_mean(key, _VALUES)}")
    return key, wanted


def _check_known(cells: Sequence[Cell], key: str, wanted: Sequence[str]) -> None:
    if key == "id" or not cells:
        return
    known = {value for cell in cells for value in _VALUES[key](cell)}
    for each in wanted:
        if each not in known:
            raise BenchError(f"no cell has {key}={each[:40]}.{did_you_mean(each, known)}")


def _holds(cell: Cell, key: str, wanted: Sequence[str]) -> bool:
    values = _VALUES[key](cell)
    if key == "id":
        return any(cell.id.startswith(each) for each in wanted)
    return any(each in values for each in wanted)
