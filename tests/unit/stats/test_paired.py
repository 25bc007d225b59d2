import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import examples_needed, flip_bounds, paired_bounds, paired_difference
from bench.stats.paired import _score


@st.composite
def counts(draw):
    n = draw(st.integers(1, 3000))
    gained = draw(st.integers(0, n))
    return gained, draw(st.integers(0, n - gained)), n


@settings(max_examples=150, deadline=None, derandomize=True)
@given(counts(), st.sampled_from([0.05, 0.01, 0.0002]))
def test_swapping_the_systems_mirrors_the_bounds(some, alpha):
    gained, lost, n = some
    one, other = flip_bounds(gained, lost, n, alpha), flip_bounds(lost, gained, n, alpha)
    assert (one.low, one.value, one.high) == pytest.approx((-other.high, -other.value, -other.low), abs=1e-6)
    assert -1 <= one.low <= one.value <= one.high <= 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(counts(), st.floats(-0.9, 0.9))
def test_the_score_mirrors_too(some, difference):
    gained, lost, n = some
    assert _score(gained, lost, n, difference) == pytest.approx(-_score(lost, gained, n, -difference), abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(counts())
def test_a_stricter_level_is_wider(some):
    loose, strict = flip_bounds(*some, 0.05), flip_bounds(*some, 0.001)
    assert strict.low <= loose.low
    assert loose.high <= strict.high


def test_never_narrower_than_bonett_price():
    first = np.repeat([1.0, 0.0], 150)
    second = first.copy()
    second[:9] = 0.0
    bounds, usual = paired_bounds(first, second, 0.01), paired_difference(first, second, 0.98)
    assert bounds.low <= usual.low < usual.high <= bounds.high
    assert bounds.method == "score-wald-hull"


@pytest.mark.parametrize(
    ("gained", "lost", "n", "difference"), [(12, 2, 50, 0.06), (1, 7, 21, -0.1), (9, 1, 2000, 0.01), (0, 3, 100, 0.02)]
)
def test_the_score_uses_the_most_likely_flips_under_the_difference(gained, lost, n, difference):
    """Against a search for the likeliest share of lost examples, which Tango (1998) gives in closed form."""
    down = np.linspace(0, 1, 400_002)[1:-1]
    up = down + difference
    down, up = (each[(up > 0) & (up + down < 1)] for each in (down, up))
    best = np.argmax(gained * np.log(up) + lost * np.log(down) + (n - gained - lost) * np.log1p(-up - down))
    expected = (gained - lost - n * difference) / math.sqrt(n * (up[best] + down[best] - difference**2))
    assert _score(gained, lost, n, difference) == pytest.approx(expected, rel=1e-3)


def test_other_outcomes_take_the_hull_of_bootstrap_and_student():
    rng = np.random.default_rng(0)
    a = rng.exponential(size=100)
    b = a + 0.1 * rng.standard_normal(100)
    bounds = paired_bounds(a, b, 0.01)
    assert bounds.method == "bootstrap-student-hull"
    assert bounds.low < bounds.value < bounds.high
    assert bounds.width >= paired_difference(a, b, 0.98).width
    assert paired_bounds(a[:10], b[:10], 0.01).method == "student-t"


def test_no_difference_at_all_still_leaves_doubt():
    few, many = (paired_bounds(each, each, 0.01) for each in (np.linspace(0, 1, 50), np.linspace(0, 1, 500)))
    assert few.method == "none-seen"
    assert few.value == 0.0
    assert few.high == pytest.approx(1 - 0.01 ** (1 / 50))
    assert many.high < few.high


def test_one_example_bounds_nothing():
    bounds = paired_bounds([0.3], [0.2], 0.01)
    assert (bounds.low, bounds.high) == (-math.inf, math.inf)


def test_examples_needed_grow_as_the_distance_shrinks():
    assert examples_needed(0.1414, 0.01, 0.01) == pytest.approx(2007, abs=3)
    assert examples_needed(0.1414, 0.005, 0.01) == pytest.approx(4 * 2007, abs=12)


def test_an_impossible_level_is_refused():
    with pytest.raises(ValueError, match="level"):
        paired_bounds([0.0, 1.0], [0.0, 1.0], 0.6)
