"""Cost and break-even on the page: a saving is written only where one is demonstrated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.publish.cells import ratio_cell
from bench.publish.cost import break_even_cell, in_words
from bench.publish.detail import sheet
from bench.publish.view import build_view
from bench.record import Ratio, Record

Make = Callable[..., Record]
TIME = {"inferences": 12345.0, "low": 11000.0, "high": 14000.0, "verdict": "saves processor time", "class": "derived"}
ESTIMATED = {
    "inferences": None,
    "low": None,
    "high": None,
    "verdict": "estimated only",
    "class": "estimated",
    "basis": "energy",
    "reason": "no demonstrated saving: energy here is estimated",
    "processor_time": TIME,
    "cost": {"value": 12.0, "unit": "J", "class": "estimated"},
    "not_charged": ["onnx-export"],
    "made_on": [{"device": "cuda:0", "processor": "Xeon"}],
    "served_on": {"device": "cpu", "processor": "Cortex-A76"},
}
MEASURED = {"inferences": 200.4, "low": 180.0, "high": 220.0, "verdict": "saves", "class": "measured"}


def lines(record: Record, heading: str) -> dict[str, str]:
    parts = (part for part in sheet(record, "r-x").sections if part.heading == heading)
    return {line[0]: line[1] for part in parts for line in part.rows}


def cell(make: Make, break_even: Any) -> Any:
    return break_even_cell(make("a", "prune", compression={"break_even": break_even}))


def test_an_estimate_claims_no_saving_and_names_processor_time(make: Make) -> None:
    found = cell(make, ESTIMATED)
    assert (found.text, found.badge, found.sort) == ("no demonstrated saving", "estimated", None)
    assert found.note == "in processor time: 12,300"
    without = cell(make, {**ESTIMATED, "processor_time": {"verdict": "no demonstrated saving", "class": "derived"}})
    assert without.note == "nor in processor time"


def test_a_demonstrated_saving_has_its_interval(make: Make) -> None:
    found = cell(make, MEASURED)
    assert (found.text, found.note, found.badge, found.sort) == ("200", "[180, 220]", "measured", 200.4)
    assert cell(make, {**MEASURED, "high": None}).note == "[180, never]"


@pytest.mark.parametrize("class_", ["estimated", "guessed", None, 3])
def test_no_record_makes_the_page_claim_a_saving_from_less_than_a_measurement(make: Make, class_: Any) -> None:
    forged = {**MEASURED, "class": class_}
    assert cell(make, forged).text == "no demonstrated saving"
    record = make("a", "prune", compression={"break_even": forged})
    assert lines(record, "Break-even")["Energy"].startswith("no demonstrated saving")


def test_what_is_not_there(make: Make) -> None:
    assert break_even_cell(make("b")).note == "the baseline"
    assert break_even_cell(make("a", "prune")).note == "not recorded"
    lost = cell(make, {"verdict": "unavailable", "class": "unavailable", "reason": "no counter"})
    assert (lost.text, lost.note, lost.badge) == ("—", "no counter", "unavailable")


@pytest.mark.parametrize(
    "damaged", [3, [], {"verdict": [1]}, {"inferences": "many", "verdict": "saves"}, {"class": {}}]
)
def test_damaged_parts_still_render(make: Make, damaged: Any) -> None:
    record = make(
        "a", "prune", compression={"break_even": damaged, "phases": damaged, "training": damaged, "energy": 3}
    )
    assert sheet(record, "r").sections
    assert break_even_cell(record).sort is None


def test_the_column_is_there_when_a_record_has_a_break_even(make: Make) -> None:
    def heads(*records: Record) -> list[str]:
        view = build_view(records, title="t", generated="now")
        return [column.label for column in view.groups[0].columns]

    assert "Break-even" in heads(make("b"), make("a", "prune", compression={"break_even": ESTIMATED}))
    assert "Break-even" not in heads(make("b"), make("a", "prune", compression={"seconds": 1.0}))


def test_the_details_tell_phases_training_and_places(make: Make) -> None:
    joules = {"value": 12.0, "low": 6.0, "high": 24.0, "unit": "J", "class": "estimated"}
    spent = {"seconds": 3.0, "cpu_s": 2.5, "energy": joules}
    training = {
        **spent,
        "step": "distill",
        "samples": 3000,
        "samples_per_joule": {**joules, "value": 250.0, "low": 125.0, "high": 500.0, "unit": "1/J"},
        "of_original": {"samples": 0.25, "cpu_s": None, "reason": "the task does not say"},
        "quality": {"metric": "accuracy", "value": 0.97, "of": "the finished artifact"},
    }
    unknown = {**spent, "cpu_s": None, "energy": {"value": None, "unit": "J", "class": "unavailable", "reason": "old"}}
    compression = {
        **spent,
        "phases": {"train": spent, "convert": unknown},
        "training": [training],
        "break_even": ESTIMATED,
    }
    record = make("a", "distill", compression=compression)
    cost = lines(record, "Cost of compression")
    assert cost["of it, training"] == "3 s; processor time 2.500 s; 12 J [6, 24] ○ estimated"
    assert cost["of it, convert"].startswith("3 s; processor time not known; ")
    assert cost["of it, convert"].endswith(" unavailable: old")
    trained = lines(record, "Training, step by step")["distill"]
    for words in ("3,000 samples", "250 samples per J", " the original training's samples", "accuracy 0.97"):
        assert words in trained
    found = lines(record, "Break-even")
    assert found["Energy"] == "estimated only: no demonstrated saving: energy here is estimated · ○ estimated"
    assert found["Processor time"] == "after 12,300 inferences [11,000, 14,000]"
    assert (found["Made on"], found["Served on"]) == ("cuda:0, Xeon", "cpu, Cortex-A76")


def test_an_estimate_in_place_of_a_window_says_why(make: Make) -> None:
    joules = {"value": 12.0, "low": 6.0, "high": 24.0, "unit": "J", "class": "estimated", "not_measured": "<b>held</b>"}
    record = make("a", "prune", compression={"energy": joules, "phases": {}})
    assert lines(record, "Cost of compression")["energy"].endswith("○ estimated (not measured: <b>held</b>)")


def test_what_may_never_be_saved_says_from_when_at_the_earliest() -> None:
    words = in_words({"verdict": "no demonstrated saving", "low": 2742.0, "class": "derived"})
    assert words == "no demonstrated saving, not before 2,740 inferences"


@pytest.mark.parametrize(
    ("interval", "word"),
    [((0.5, 0.4, 0.6), "less processor time"), ((2, 1.9, 2.1), "more processor time"), ((1, 0.9, 1.1), "tie")],
)
def test_an_estimated_ratio_is_neither_better_nor_worse(interval: Any, word: str) -> None:
    ratio = Ratio(*interval, "base", "paired-cpu-time", 7, "estimated")
    found = ratio_cell(ratio, baseline=False, klass="estimated")
    assert found.badge == "estimated"
    assert found.note.endswith(f"] {word}")
    measured = ratio_cell(Ratio(0.5, 0.4, 0.6, "base", "paired", 7), baseline=False, klass="measured")
    assert measured.note.endswith("] better")
