"""Doubtful numbers are shown as doubtful: in `bench compare`, in `bench show`, in the order of the fastest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.cli.compare_command import Line, compare_records
from bench.cli.show_command import _lines
from bench.derive.best import with_best
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell, Step

QUALITY = Reading("1", "measured", 0.9, 0.8, 0.95)
BUSY = ("other work took 78% of the processor time",)


def record(
    name: str, seconds: float = 0.01, *, verdict: str = "valid", steps: tuple[Step, ...] = (), **more: Any
) -> Record:
    reasons = BUSY if verdict != "valid" else ()
    latency = Reading(
        "s", "measured", seconds, 0.99 * seconds, 1.01 * seconds, 90, "wall", verdict=verdict, reasons=reasons
    )  # type: ignore[arg-type]
    readings = {"quality": QUALITY, "latency": latency, "size": Reading.counted(100, "B")}
    validity = {"verdict": verdict, "reasons": list(reasons)}
    known = {"validity": validity, "readings": readings, **more}
    return Record(name, "ok", Cell("s", "toy", steps, f"on-{name}"), "g", **known)


def latency_of(first: Record, second: Record) -> Line:
    lines = {each.metric: each for each in compare_records(first, second)}
    assert (lines["size"].verdict, lines["quality"].verdict) == ("tie", "tie")
    return lines["latency"]


PAIRED = {"latency": Ratio(0.5, 0.49, 0.51, "a", "paired-floor", 7)}


@pytest.mark.parametrize(
    ("first", "second", "paired", "word"),
    [
        ("valid", "valid", False, "better"),
        ("valid", "valid", True, "better"),
        ("suspect", "valid", False, "not comparable"),
        ("valid", "suspect", False, "not comparable"),
        ("valid", "suspect", True, "better"),
        ("suspect", "suspect", True, "better"),
        ("valid", "invalid", True, "not comparable"),
        ("invalid", "valid", True, "not comparable"),
    ],
)
def test_what_is_claimed_of_doubtful_numbers(first: str, second: str, paired: bool, word: str) -> None:
    line = latency_of(record("a", verdict=first), record("b", 0.005, verdict=second, ratios=PAIRED if paired else {}))
    assert line.verdict == word
    assert ("other work took 78%" in line.note) == ("valid" not in (first,) or second != "valid")


def test_a_record_that_doubts_itself_but_no_number_doubts_what_was_timed() -> None:
    old = record("b", 0.005, validity={"verdict": "suspect", "reasons": ["latency drifted"]})
    line = latency_of(record("a"), old)
    assert line.verdict == "not comparable"
    assert "b is suspect: latency drifted" in line.note


def test_show_marks_the_number(tmp_path: Any) -> None:
    text = "\n".join(_lines(record("a", verdict="suspect"), tmp_path))
    assert "validity  suspect\n  - other work took 78%" in text
    assert "measured (suspect), by wall" in text
    assert "suspect" not in "\n".join(_lines(record("a"), tmp_path))


@pytest.mark.parametrize(("doubtful", "best"), [(set(), "fast"), ({"fast"}, "slow"), ({"fast", "slow"}, "fast")])
def test_a_doubtful_baseline_is_the_fastest_only_among_doubtful_ones(doubtful: set[str], best: str) -> None:
    made = [
        record(name, seconds, verdict="suspect" if name in doubtful else "valid")
        for name, seconds in (("fast", 0.001), ("slow", 0.002))
    ]
    other = replace(record("x", 0.004), cell=Cell("s", "toy", (Step("prune"),), "on-slow"))
    found = {each.id: each for each in with_best([*made, other])}
    assert found["x"].ratios["latency_vs_best"].against == best
    assert best not in found


def test_an_invalid_baseline_is_nobodys_best_and_a_ratio_to_it_goes() -> None:
    stale = {"latency_vs_best": Ratio(4.0, 3.9, 4.1, "fast", "unpaired-p50"), **PAIRED}
    other = replace(record("x", 0.004, ratios=stale), cell=Cell("s", "toy", (Step("prune"),), "on-slow"))
    fast, slow = record("fast", 0.001, verdict="invalid"), record("slow", 0.002)
    found = {each.id: each for each in with_best([fast, slow, other])}
    assert found["x"].ratios["latency_vs_best"].against == "slow"
    found = {each.id: each for each in with_best([fast, other])}  # nothing is left to compare with
    assert set(found["x"].ratios) == {"latency"}
    whole = record("whole", 0.001, validity={"verdict": "invalid", "reasons": ["measured in one process"]})
    assert set({each.id: each for each in with_best([whole, other])}["x"].ratios) == {"latency"}
