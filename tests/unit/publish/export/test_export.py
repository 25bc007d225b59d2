"""Records in other people's formats."""

from __future__ import annotations

import csv
import io
import json
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from bench.publish.export import csv_text, history, json_text
from bench.publish.export.history import stats
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell, Step

ENERGY = Reading("J", "estimated", 0.5, 0.25, 1.0)


def record(name: str = "r1", **more) -> Record:
    readings = {"latency": Reading("s", "measured", 0.01, 0.009, 0.011), "energy": ENERGY}
    cell = Cell("toys", "toy", (Step("prune"),), "torch")
    return Record(name, **{"status": "ok", "cell": cell, "readings": readings, **more})


def rows(*records: Record) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(records))))


def test_a_row_a_record_with_the_class_beside_the_number() -> None:
    gone = Record("r2", "failed", Cell("toys", "toy", (), "torch"), reason="worker died")
    first, second = rows(record(ratios={"latency": Ratio(0.5, 0.4, 0.6, "b", "paired")}), gone)
    assert (first["energy"], first["energy_unit"], first["energy_class"]) == ("0.5", "J", "estimated")
    assert (first["latency_ratio"], first["latency_ratio_low"]) == ("0.5", "0.4")
    assert (second["status"], second["reason"], second["latency"]) == ("failed", "worker died", "")


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_no_text_is_a_formula(text: str) -> None:
    (row,) = rows(Record("r", "failed", Cell("s", "toy", (), "torch"), reason=text))
    assert row["reason"] == f"'{text}"


def test_negative_numbers_stay_numbers() -> None:
    (row,) = rows(record(readings={"x": Reading("1", "measured", -0.5, float("-inf"), 0.1)}))
    assert (row["x"], row["x_low"]) == ("-0.5", "")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text: str) -> None:
    written = csv_text([Record(text, "failed", Cell("s", "toy", (), "torch"))])
    _, row = csv.reader(io.StringIO(written, newline=""))
    assert row[0].removeprefix("'") == text.removeprefix("'")


def test_json_holds_whole_records() -> None:
    found = json.loads(json_text([record()]))
    assert found["schema"] == "bench.export/1"
    assert found["records"][0]["readings"]["energy"]["class"] == "estimated"


def test_history_keeps_what_the_tool_does_not_know_of() -> None:
    one = record(ratios={"latency": Ratio(0.5, 0.4, 0.6, "b", "paired-floor")})
    found = json.loads(history([one], {one.cell.id: [0.01, 0.02, 0.03]}))
    (benchmark,) = found["benchmarks"]
    assert benchmark["extra_info"]["energy_class"] == "estimated"
    assert benchmark["extra_info"]["joules"] == 0.5
    assert benchmark["extra_info"]["ratios"]["latency"] == {
        "value": 0.5, "low": 0.4, "high": 0.6, "method": "paired-floor", "class": "measured",
    }  # fmt: skip
    # What github-action-benchmark reads of the tool `pytest`.
    assert benchmark["fullname"]
    assert {"ops", "stddev", "mean", "rounds"} <= set(benchmark["stats"])


def test_history_without_calls_leaves_a_record_out() -> None:
    assert json.loads(history([record(), record(status="failed")], {}))["benchmarks"] == []


@settings(deadline=None)
@given(st.lists(st.floats(1e-9, 1e3), min_size=2, max_size=60))
def test_the_statistics_are_the_tools_own(data: list[float]) -> None:
    theirs, ours = Stats(), stats(data)
    for each in data:
        theirs.update(each)
    names = ("min", "max", "mean", "median", "stddev", "q1", "q3", "ld15iqr", "hd15iqr", "total", "ops")
    for name in names:
        assert ours[name] == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-12)
    assert ours["rounds"] == theirs.rounds
    assert ours["mean"] == pytest.approx(statistics.fmean(data))
