from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.publish.format import (
    MINUS,
    PERCENT,
    Figure,
    Scale,
    figure,
    number,
    scale_for,
    sentence,
    text_of,
    written,
)

MS = Scale(1e3, "ms")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((0.003214, 0.00316, 0.00326), ("3.21", "[3.16, 3.26]")),
        ((0.0153, 0.0149, 0.0158), ("15.3", "[14.9, 15.8]")),
        ((0.015, 0.011, 0.0195), ("15", "[11, 20]")),
        ((1.234, 1.1, 1.4), ("1,230", "[1,100, 1,400]")),
        ((0.0035, 0.0015, 0.0081), ("3.5", "[1.5, 8.1]")),
        ((0.0005, 0.0, 9e9), ("0.50", "[0.00, 9.00e+12]")),
        ((0.25, None, None), ("250", "")),
        ((0.0123456, None, None), ("12.35", "")),
        ((0.012, 0.012, 0.012), ("12", "")),
        ((0.0, None, None), ("0", "")),
    ],
)
def test_numbers_are_rounded_to_their_interval(found: tuple[float, ...], expected: tuple[str, str]) -> None:
    assert written(Figure(*found), MS) == expected


def test_negative_numbers_carry_a_true_minus_and_zero_never_does() -> None:
    assert text_of(-0.26, 1) == f"{MINUS}0.3"
    assert text_of(-0.004, 1) == "0.0"
    assert text_of(-1234.6, -2) == f"{MINUS}1,200"


def test_a_phrase_holds_value_unit_and_interval() -> None:
    assert sentence(Figure(0.981, 0.972, 0.989), PERCENT) == "98.1 % [97.2, 98.9]"


@pytest.mark.parametrize(
    ("unit", "values", "label"),
    [
        ("s", [3e-6, 5e-3, 7e-3], "ms"),
        ("s", [2e-10], "ns"),
        ("s", [4000.0], "s"),
        ("J", [0.0012], "mJ"),
        ("B", [2_000_000.0], "MB"),
        ("bytes", [12.0], "B"),
        ("FLOP", [5.4e6], "MFLOP"),
        ("count", [23_756.0], "k"),
        ("1", [0.5], "%"),
        ("dB", [12.0], "dB"),
        ("s", [], "s"),
        ("s", [0.0], "s"),
    ],
)
def test_the_prefix_suits_the_middle_of_the_column(unit: str, values: list[float], label: str) -> None:
    assert scale_for(unit, values).label == label


@pytest.mark.parametrize("bad", [None, "3", True, math.nan, math.inf, -math.inf, 10**400, 1e200, [1.0], {"value": 1}])
def test_what_is_no_finite_number_is_no_number(bad: object) -> None:
    assert number(bad) is None
    assert figure(bad, 0.0, 1.0) is None


def test_numbers_of_numpy_are_numbers() -> None:
    assert (number(np.float32(0.5)), number(np.int64(3))) == (0.5, 3.0)


@pytest.mark.parametrize("bounds", [(None, 2.0), (math.nan, 2.0), (0.0, math.inf), (2.0, 0.5), ("a", "b")])
def test_a_broken_interval_is_left_out_but_not_the_value(bounds: tuple[object, object]) -> None:
    assert figure(1.0, *bounds) == Figure(1.0, None, None)


anything = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e99, max_value=1e99)


@given(st.tuples(anything, anything, anything).map(sorted), st.sampled_from(["s", "J", "B", "1", "x"]))
def test_any_figure_can_be_written(values: list[float], unit: str) -> None:
    low, value, high = values
    text, interval = written(Figure(value, low, high), scale_for(unit, values))
    assert text
    assert "nan" not in text + interval


@given(st.floats(1e-9, 1e9), st.floats(1e-3, 0.3))
def test_rounding_never_moves_a_value_by_more_than_a_twentieth_of_its_doubt(value: float, share: float) -> None:
    half = value * share
    text, _ = written(Figure(value, value - half, value + half), Scale(1.0, ""))
    assert abs(float(text.replace(",", "")) - value) <= 0.15 * half
