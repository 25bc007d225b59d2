from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.publish.axis import axis
from bench.publish.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart_of
from bench.publish.context import Context
from bench.publish.model import Chart
from bench.publish.placing import place_labels
from bench.publish.view import build_view
from bench.reading import Reading
from bench.record import Record

Make = Callable[..., Record]


def chart_from(*records: Record) -> Chart:
    found = chart_of(Context.of(records), {id(each): f"r-{each.id}" for each in records})
    assert found is not None
    return found


@pytest.fixture
def three(make: Make) -> tuple[Record, ...]:
    return (
        make("base", latency=(0.010, 0.0099, 0.0101), quality=(0.90, 0.88, 0.92)),
        make("q", "quantize", latency=(0.005, 0.0049, 0.0051), quality=(0.89, 0.87, 0.91)),
        make("p", "prune", latency=(0.011, 0.0109, 0.0111), quality=(0.80, 0.78, 0.82)),
    )


def test_the_front_is_what_nothing_beats(three: tuple[Record, ...]) -> None:
    chart = chart_from(*three)
    assert {mark.anchor: mark.on_front for mark in chart.marks} == {"r-base": True, "r-q": True, "r-p": False}


def test_the_text_alternative_says_what_the_drawing_shows(three: tuple[Record, ...]) -> None:
    chart = chart_from(*three)
    assert "3 of 3 results plotted: accuracy against median latency" in chart.alternative
    assert "quantize (5.00 ms [4.90, 5.10], accuracy 89.0 % [87.0, 91.0]); none (10.00 ms" in chart.alternative
    assert "prune" not in chart.alternative


def test_faster_is_left_and_better_is_up(three: tuple[Record, ...]) -> None:
    marks = {mark.anchor: mark for mark in chart_from(*three).marks}
    assert float(marks["r-q"].x) < float(marks["r-base"].x)
    assert float(marks["r-base"].y) < float(marks["r-p"].y)


def test_a_metric_that_should_be_low_turns_the_axis_round(make: Make) -> None:
    facts = {"metric": "perplexity", "higher_is_better": False}
    records = [
        make(
            name,
            *steps,
            quality=None,
            latency=latency,
            readings={"quality": Reading("", "measured", value, facts=facts)},
        )
        for name, steps, latency, value in (
            ("base", (), (0.01, 0.0099, 0.0101), 10.0),
            ("q", ("quantize",), (0.005, 0.0049, 0.0051), 20.0),
            ("p", ("prune",), (0.02, 0.019, 0.021), 30.0),
        )
    ]
    marks = {mark.anchor: mark for mark in chart_from(*records).marks}
    assert float(marks["r-base"].y) < float(marks["r-q"].y)
    assert not marks["r-p"].on_front


def test_methods_differ_in_shape_and_not_in_colour_alone(three: tuple[Record, ...]) -> None:
    legend = chart_from(*three).legend
    assert [name for _, _, name in legend] == ["no compression", "quantize", "prune"]
    assert len({css for css, _, _ in legend}) == 3
    assert legend[1][1] != legend[2][1]


def test_suspect_rows_are_drawn_hollow_and_on_no_front(three: tuple[Record, ...], make: Make) -> None:
    doubtful = make(
        "x", "distill", latency=(0.001, 0.0009, 0.002), validity={"verdict": "suspect", "reasons": ["load"]}
    )
    chart = chart_from(*three, doubtful)
    (mark,) = [mark for mark in chart.marks if mark.anchor == "r-x"]
    assert "doubt" in mark.css.split()
    assert not mark.on_front
    assert "1 hollow" in chart.caption


@pytest.mark.parametrize("name", ["latency", "quality"])
def test_what_the_record_says_is_not_ranked_is_drawn_so(three: tuple[Record, ...], name: str) -> None:
    base, quantized, pruned = three
    reading = quantized.readings[name]
    told = replace(reading, facts={**reading.facts, "not_ranked": "of another sort"})
    chart = chart_from(base, replace(quantized, readings={**quantized.readings, name: told}), pruned)
    (mark,) = [mark for mark in chart.marks if mark.anchor == "r-q"]
    assert ("doubt" in mark.css.split(), mark.on_front) == (True, False)


def test_a_group_without_ranks_has_points_and_no_front(three: tuple[Record, ...]) -> None:
    suspect = {"verdict": "suspect", "reasons": ["load"]}
    chart = chart_from(*(replace(each, validity=suspect) for each in three))
    assert (chart.front, chart.dominated, chart.best) == ("", "", ())
    assert chart.alternative.endswith("3 hollow: not ranked, so on no front.")


def test_one_result_makes_no_chart(make: Make) -> None:
    assert chart_of(Context.of([make("base")]), {}) is None


def test_a_crowd_keeps_bars_and_words_for_the_front_only(make: Make) -> None:
    records = [make(f"n{at}", "prune", latency=(0.01 + at, 0.009 + at, 0.02 + at)) for at in range(70)]
    chart = chart_from(*records)
    assert sum(bool(mark.title) for mark in chart.marks) == 1
    assert "front only" in chart.caption


positive = st.floats(1e-9, 1e9)


@given(st.lists(st.tuples(positive, st.floats(0, 1)), min_size=2, max_size=12))
def test_everything_is_drawn_inside_the_frame(pairs: list[tuple[float, float]]) -> None:
    from bench.suite.cell import Cell, Step

    records = []
    for at, (seconds, share) in enumerate(pairs):
        readings = {
            "latency": Reading("s", "measured", seconds, seconds * 0.9, seconds * 1.2),
            "quality": Reading("1", "measured", share, max(0.0, share - 0.1), min(1.0, share + 0.1)),
        }
        records.append(Record(str(at), "ok", Cell("s", "t", (Step("prune", {"n": at}),), "b"), "g", readings=readings))
    chart = build_view(records, title="t", generated="now").groups[0].chart
    assert chart is not None
    for mark in chart.marks:
        assert LEFT <= float(mark.x) <= WIDTH - RIGHT
        assert TOP <= float(mark.y) <= HEIGHT - BOTTOM
    for path in (chart.front, chart.dominated, *(mark.whiskers for mark in chart.marks)):
        assert all(0 <= float(each) <= WIDTH for each in re.findall(r"[-\d.]+", path))
    assert len(chart.x_ticks) <= 12
    assert len(chart.y_ticks) <= 12


@given(st.lists(st.floats(-1e99, 1e99), min_size=1, max_size=5), st.booleans())
def test_an_axis_holds_any_values(values: list[float], log: bool) -> None:
    found = axis(values, 0.0, 100.0, log=log)
    assert all(0 <= found.at(each) <= 100 for each in values)
    assert found.low < found.high
    assert len(found.ticks()) <= 12


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1.0, 100.0, [1, 2, 5, 10, 20, 50, 100]), (1e-3, 1e3, [1e-3, 1e-2, 1e-1, 1, 10, 100, 1000])],
)
def test_a_logarithmic_axis_marks_round_values(low: float, high: float, expected: list[float]) -> None:
    assert axis([low, high], 0, 1, log=True).ticks() == pytest.approx(expected)


def test_labels_touch_neither_points_nor_one_another() -> None:
    labels = place_labels([(100, 100), (104, 100), (300, 50)], {0: "one", 1: "two", 2: "three"}, (0, 0, 700, 350))
    assert {each.text for each in labels} == {"one", "two", "three"}
    crowd = place_labels([(50.0, 50.0)] * 9, dict.fromkeys(range(9), "a long name of a recipe"), (0, 0, 700, 100))
    assert len(crowd) < 9


def test_a_label_that_fits_nowhere_is_left_out() -> None:
    assert place_labels([(10, 10)], {0: "far too long for this frame"}, (0, 0, 40, 40)) == ()
