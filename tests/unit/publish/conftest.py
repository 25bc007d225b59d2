"""Records by hand: every test says only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell, Step

Make = Callable[..., Record]
Interval = tuple[float, float, float]


@pytest.fixture
def make() -> Make:
    """Return a maker of records: `make("id", "prune", latency=(value, low, high), …)`."""

    def build(
        name: str,
        *steps: str | Step,
        latency: Interval | None = (0.01, 0.0099, 0.0101),
        quality: Interval | None = (0.9, 0.88, 0.92),
        energy: Reading | None = None,
        ratio: Interval | None = None,
        task: str = "toy",
        backend: str = "torch",
        **more: Any,
    ) -> Record:
        recipe = tuple(each if isinstance(each, Step) else Step(each) for each in steps)
        readings = dict(more.pop("readings", {}))
        if latency is not None:
            readings["latency"] = Reading("s", "measured", *latency, n=100, meter="wall")
        if quality is not None:
            readings["quality"] = Reading("1", "measured", *quality, n=500, facts={"metric": "accuracy"})
        if energy is not None:
            readings["energy"] = energy
        ratios = dict(more.pop("ratios", {}))
        if ratio is not None:
            ratios["latency"] = Ratio(*ratio, against="base", method="paired-floor", n=7)
        group = more.pop("group", "group-1")
        status = more.pop("status", "ok")
        cell = Cell("mobile", task, recipe, backend)
        return Record(name, status, cell, group, readings=readings, ratios=ratios, **more)

    return build


def joules(value: float, class_: str = "measured", domains: tuple[str, ...] = ("package",)) -> Reading:
    """Return an energy reading with an interval of ten percent."""
    return Reading("J", class_, value, value * 0.9, value * 1.1, 7, "powercap", facts={"domains": list(domains)})  # type: ignore[arg-type]


@pytest.fixture(name="joules")
def joules_fixture() -> Callable[..., Reading]:
    return joules
