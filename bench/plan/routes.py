"""Routes: the cheapest way from a task's formats through a recipe's steps to a format the backend opens."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.errors import Unsupported
from bench.offer import Offer
from bench.plan.catalogue import Catalogue
from bench.suite.cell import Cell, Step
from bench.suite.vocabulary import check_value

CONVERT_COST = 10.0
STEP_COST = 1.0
# Steps on the module in memory come first among equals: only there can a step train.
FILE_STEP_COST = 1.25
MODULE = "module"


@dataclass(frozen=True)
class Operation:
    """One edge taken: a compressor step or a conversion, from a format to a format."""

    kind: Literal["compress", "convert"]
    offer: Offer
    source: str
    produces: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """The format the task starts in, the operations, and the format the backend opens."""

    start: str
    operations: tuple[Operation, ...]
    end: str

    def __str__(self) -> str:
        return " -> ".join([self.start, *(f"{each.offer.name} -> {each.produces}" for each in self.operations)])


def find_route(task: Offer, cell: Cell, backend: Offer, catalogue: Catalogue) -> Route:
    """Return the cheapest route by Dijkstra over (format, steps done). Raises Unsupported when there is none."""
    order = itertools.count()
    frontier: list[tuple[float, int, str, int, tuple[Operation, ...], str]] = [
        (0.0, next(order), start, 0, (), start) for start in task.produces
    ]
    heapq.heapify(frontier)
    seen: set[tuple[str, int]] = set()
    while frontier:
        cost, _, place, done, taken, start = heapq.heappop(frontier)
        if (place, done) in seen:
            continue
        seen.add((place, done))
        if done == len(cell.recipe) and place in opened_by(backend, cell.backend_options):
            return Route(start, taken, place)
        for operation, price in _edges(place, cell.recipe[done : done + 1], catalogue):
            after = done + (operation.kind == "compress")
            entry = (cost + price, next(order), operation.produces, after, (*taken, operation), start)
            heapq.heappush(frontier, entry)
    raise Unsupported(_no_route(task, cell, backend, seen) + _what_would_help(cell, seen, catalogue))


def opened_by(backend: Offer, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the formats that a backend opens with these options.

    Its fact `opens_with` gives an option's name the formats that are opened with that option, and only then.
    """
    told: Mapping[str, Any] = backend.facts.get("opens_with", {})
    for name, formats in told.items():
        if options.get(name):
            return tuple(str(each) for each in formats)
    apart = {each for formats in told.values() for each in formats}
    return tuple(each for each in backend.accepts if each not in apart)


def _edges(place: str, upcoming: tuple[Step, ...], catalogue: Catalogue) -> Iterator[tuple[Operation, float]]:
    for step in upcoming:
        for offer in catalogue.of("compressor", step.name):
            if place in offer.accepts and _takes(offer, step.options) and _here(offer, catalogue):
                usual = STEP_COST if place == MODULE else FILE_STEP_COST
                price = float(offer.facts.get("cost", usual))
                for produces in offer.produces or (place,):
                    yield Operation("compress", offer, place, produces, step.options), price
    for offer in catalogue.of("converter"):
        if place in offer.accepts and _here(offer, catalogue):
            for produces in offer.produces:
                yield Operation("convert", offer, place, produces), float(offer.facts.get("cost", CONVERT_COST))


def _takes(offer: Offer, options: Mapping[str, Any]) -> bool:
    """Whether an offer has every option with that value, and lacks none that it requires.

    So an offer for some values only, one mode say, leaves the others to the next one.
    """
    known = {each.name: each for each in offer.options}
    return all(name in known and check_value(known[name], value) is None for name, value in options.items()) and all(
        name in options for name, each in known.items() if each.required
    )


def _here(offer: Offer, catalogue: Catalogue) -> bool:
    return catalogue.missing(offer) is None


def _what_would_help(cell: Cell, seen: set[tuple[str, int]], catalogue: Catalogue) -> str:
    """Name what is not installed and could have carried on from where the search ended."""
    furthest = max(done for _, done in seen)
    places = {place for place, done in seen if done == furthest}
    steps = [each for step in cell.recipe[furthest : furthest + 1] for each in catalogue.of("compressor", step.name)]
    candidates = [*steps, *catalogue.of("converter")]
    reasons = [catalogue.missing(each) for each in candidates if places & set(each.accepts)]
    return "".join(f"; {reason}" for reason in dict.fromkeys(each for each in reasons if each))


def _no_route(task: Offer, cell: Cell, backend: Offer, seen: set[tuple[str, int]]) -> str:
    furthest = max(done for _, done in seen)
    reached = ", ".join(sorted(place for place, done in seen if done == furthest))
    wanted = " or ".join(opened_by(backend, cell.backend_options))
    if furthest < len(cell.recipe):
        step = cell.recipe[furthest]
        return f"no route: '{step}' works on none of the formats that task '{task.name}' reaches ({reached})"
    return f"no route from {reached} to {cell.backend} (it opens {wanted})"
