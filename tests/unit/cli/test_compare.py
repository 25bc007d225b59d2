"""`bench compare` says what an energy ratio is: a measurement, or processor time."""

from __future__ import annotations

import pytest

from bench.cli.compare_command import compare_records
from bench.reading import Class, Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell, Step

INTERVALS = {"better": (0.5, 0.4, 0.6), "worse": (2.0, 1.9, 2.1), "tie": (1.0, 0.9, 1.1)}


def pair(word: str, class_: Class) -> tuple[Record, Record]:
    quality = {"quality": Reading("1", "measured", 0.9, 0.8, 0.95)}
    first = Record("base", "ok", Cell("s", "toy", (), "torch"), "g", readings=quality)
    ratio = Ratio(*INTERVALS[word], "base", "paired-cpu-time", 7, class_)
    return first, Record(
        "b", "ok", Cell("s", "toy", (Step("x"),), "torch"), "g", readings=quality, ratios={"energy": ratio}
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("better", "less processor time (estimated)"),
        ("worse", "more processor time (estimated)"),
        ("tie", "tie (estimated)"),
    ],
)
def test_estimated_energy_is_neither_better_nor_worse(word: str, said: str) -> None:
    (line,) = (each for each in compare_records(*pair(word, "estimated")) if each.metric == "energy")
    assert line.verdict == said
    assert "no demonstrated saving" in line.note
    assert "estimated" in line.note


@pytest.mark.parametrize("word", INTERVALS)
def test_measured_energy_is(word: str) -> None:
    (line,) = (each for each in compare_records(*pair(word, "measured")) if each.metric == "energy")
    assert (line.verdict, "estimated" in line.note) == (word, False)


def unpaired(mine: Reading, theirs: Reading) -> tuple[Record, Record]:
    quality = {"quality": Reading("1", "measured", 0.9, 0.8, 0.95)}
    cell = Cell("s", "toy", (), "torch")
    return tuple(  # type: ignore[return-value]
        Record(name, "ok", cell, "g", readings={**quality, "energy": energy})
        for name, energy in (("a", mine), ("b", theirs))
    )


def joules(class_: Class = "measured", kind: str = "counter", domain: str = "package") -> Reading:
    return Reading("J", class_, 1.0, 0.9, 1.1, 5, "m", facts={"kind": kind, "domains": [domain]})


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (joules("derived"), "measured against derived joules"),
        (joules(domain="psys"), "measured against measured joules"),
        (joules(kind="power"), "different kinds"),
    ],
)
def test_unlike_joules_are_not_compared(other: Reading, says: str) -> None:
    (line,) = (each for each in compare_records(*unpaired(joules(), other)) if each.metric == "energy")
    assert (line.verdict, says in line.note) == ("not comparable", True)


def test_alike_joules_of_two_runs_are_and_estimates_never() -> None:
    (line,) = (each for each in compare_records(*unpaired(joules(), joules())) if each.metric == "energy")
    assert line.verdict == "tie"
    guesses = joules("estimated"), joules("estimated")
    (line,) = (each for each in compare_records(*unpaired(*guesses)) if each.metric == "energy")
    assert (line.verdict, "side by side" in line.note) == ("not comparable", True)
