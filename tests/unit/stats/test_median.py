"""The median over launches: what is claimed at 95 % covers as often, whatever the number of launches."""

import math

import numpy as np
import pytest

from bench.stats import median_interval


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 9, 17])
@pytest.mark.parametrize("law", ["normal", "skewed"])
def test_the_interval_covers(n: int, law: str) -> None:
    rng = np.random.default_rng(n)
    draws = rng.normal(0, 1, (2000, n)) if law == "normal" else rng.exponential(1, (2000, n)) - math.log(2)
    hits = np.mean([median_interval(each).covers(0.0) for each in draws])
    assert hits >= (0.94 if law == "normal" or n >= 6 else 0.85)  # Student's t is not made for skewed numbers


def test_its_value_is_the_median_and_lies_inside() -> None:
    found = median_interval([1.0, 1.0, 1.0, 50.0])
    assert (found.value, found.method) == (1.0, "student-t")
    assert found.low <= 1.0 <= found.high
    assert median_interval(range(1, 10)).low == 2.0  # the sign test leaves one of nine out at either end
    assert median_interval(range(1, 7)).method == "sign"


def test_one_launch_bounds_nothing() -> None:
    found = median_interval([3.0])
    assert (found.value, found.low, found.high) == (3.0, -math.inf, math.inf)
