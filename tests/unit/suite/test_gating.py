"""Budgets: what is written is what is meant, and every mistake has its place."""

import datetime
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.suite.gating import METRICS, RELATIVE, Gating, load_budget, parse_allowance


def budget(folder: Path, text: str) -> Gating:
    path = folder / "budget.yaml"
    path.write_text(text)
    return load_budget(path, {"LIMIT": "3 MB"})


@pytest.mark.parametrize(
    ("name", "text", "how", "value"),
    [
        ("size", "3 MB", "at most", 3e6),
        ("size", "<= 3 MB", "at most", 3e6),
        ("size", "+2 %", "growth", 0.02),
        ("latency", "+ 0.5%", "growth", 0.005),
        ("latency", "-10 %", "growth", -0.1),
        ("latency_p90", "30 ms", "at most", 0.03),
        ("quality", ">= 73 %", "at least", 0.73),
        ("quality", "<= 20", "at most", 20.0),
        ("quality", "-1 pp", "growth", 0.01),
        ("quality", "-0.5", "growth", 0.5),
        ("quality_drop", "1 pp", "at most", 0.01),
    ],
)
def test_what_is_written_is_what_is_meant(name: str, text: str, how: str, value: float) -> None:
    assert parse_allowance(name, text) == (how, pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("size", "3"),
        ("size", ">= 3 MB"),
        ("size", "3 ms"),
        ("latency", "-100 %"),
        ("latency_p99", "+2 %"),
        ("quality", "73 %"),
        ("quality", "+1 %"),
        ("size", "+2 MB"),
        ("size", ""),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|unit|shrink"):
        parse_allowance(name, text)


@given(name=st.sampled_from(METRICS), text=st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(name: str, text: str) -> None:
    try:
        how, value = parse_allowance(name, text)
    except ValueError:
        return
    assert how in ("at most", "at least", "growth")
    assert math.isfinite(value)


@given(percent=st.floats(0.01, 500))
def test_a_growth_is_read_back(percent: float) -> None:
    assert all(
        parse_allowance(n, f"+{percent:.4f} %")[1] == pytest.approx(percent / 100, abs=1e-5) for n in RELATIVE[:3]
    )


def test_a_whole_file(tmp_path: Path) -> None:
    found = budget(
        tmp_path,
        "size: ${LIMIT}\nlatency: {fail: 0.5 %, pass: 2 %, level: warn}\nquality: ['>= 73 %', -1 pp]\nalpha: 2 %\n"
        "time: 1min\naccept:\n  - {cell: recipe=prune, metric: all, reason: ' why ', expires: 2027-01-31}\n",
    )
    assert [(e.metric, e.how, e.level) for e in found.allowances] == [
        ("size", "at most", "error"),
        ("latency", "band", "warn"),
        ("quality", "at least", "error"),
        ("quality", "growth", "error"),
    ]
    latency = found.of("latency", relative=True)
    assert latency is not None
    assert (latency.value, latency.passing) == (0.005, 0.02)
    assert (found.alpha, found.seconds) == (0.02, 60.0)
    (accept,) = found.accepts
    assert (accept.reason, accept.expires) == ("why", datetime.date(2027, 1, 31))
    assert accept.where[1:] == (7, 5)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("sise: 3 MB\n", (1, 1), "Did you mean 'size'?"),
        ("size: {limit: 3 MB, levle: warn}\n", (1, 21), "Did you mean 'level'?"),
        ("size: {limit: 3 MB, level: warm}\n", (1, 28), "Did you mean 'warn'?"),
        ("size: {limit: 3 GHz}\n", (1, 15), "a size like"),
        ("size: [3 MB, 3]\n", (1, 14), "unit is missing"),
        ("size: true\n", (1, 7), "written as text"),
        ("latency: {fail: 2 %, pass: 1 %}\n", (1, 28), "larger than the one that fails"),
        ("latency: {fail: 2 %}\n", (1, 1), "both {fail"),
        ("memory: {fail: 1 %, pass: 2 %}\n", (1, 1), "of latency both"),
        ("alpha: 50 %\n", (1, 8), "at most 20%"),
        ("accept: yes\n", (1, 9), "a list of mappings"),
        ("accept: [3]\n", (1, 10), "a mapping with cell"),
        ("accept: [{cell: all}]\n", (1, 10), "'metric' is missing"),
        ("accept: [{cel: all}]\n", (1, 11), "Did you mean 'cell'?"),
        ("accept: [{cell: all, metric: speed, reason: x, expires: 2027-01-31}]\n", (1, 30), "unknown metric 'speed'"),
        ("accept: [{cell: all, metric: size, reason: x, expires: soon}]\n", (1, 56), "a date like"),
        ("", (1, 1), "the file is empty"),
        ("size: ${NO_SUCH}\n", (1, 7), "not set"),
    ],
)
def test_every_mistake_has_its_place(tmp_path: Path, text: str, place: tuple[int, int], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        budget(tmp_path, text)
    assert (caught.value.line, caught.value.column) == place, str(caught.value)
    assert said in str(caught.value)


def test_a_budget_is_laid_over_another(tmp_path: Path) -> None:
    suite = budget(tmp_path, "size: [3 MB, +1 %]\nalpha: 5 %\nmemory: +5 %\n")
    mine = budget(tmp_path, "size: +3 %\nalpha: 1 %\n").over(suite)
    found: Any = {(each.metric, each.relative): each.text for each in mine.allowances}
    assert found == {("size", True): "+3 %", ("size", False): "3 MB", ("memory", True): "+5 %"}
    assert mine.alpha == 0.01
    assert mine.to_json()["alpha"] == 0.01
