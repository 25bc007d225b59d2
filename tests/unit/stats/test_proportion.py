import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import flips, mean_interval, paired_difference, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_values(successes, n, low, high):
    interval = wilson(successes, n)
    assert interval.value == successes / n
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.data())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_wilson_is_symmetric_and_inside(n, data):
    successes = data.draw(st.integers(0, n))
    one, other = wilson(successes, n), wilson(n - successes, n)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))
    assert wilson(successes, n, 0.99).width > one.width


@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_nonsense(successes, n):
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)


def test_right_or_wrong_is_a_proportion():
    outcomes = np.array([1, 0, 1, 1, 0, 1])
    assert mean_interval(outcomes) == wilson(4, 6)


def test_mean_covers_skewed_outcomes():
    rng = np.random.default_rng(0)
    covered = [mean_interval(rng.exponential(1, 100), seed=k).covers(1.0) for k in range(200)]
    assert 0.90 <= np.mean(covered) < 0.995


def test_few_outcomes_use_student():
    interval = mean_interval([1.5, 2.5, 3.5])
    assert interval.method == "student-t"
    assert interval.high - 2.5 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert mean_interval([0.3]).high == math.inf


def test_equal_outcomes_show_no_spread():
    interval = mean_interval([0.5] * 100)
    assert (interval.low, interval.high, interval.method) == (0.5, 0.5, "constant")


def test_mean_is_reproducible_by_seed():
    outcomes = np.random.default_rng(1).random(200)
    assert mean_interval(outcomes, seed=3) == mean_interval(outcomes, seed=3)
    assert mean_interval(outcomes, seed=3) != mean_interval(outcomes, seed=4)


def test_flips_count_both_directions():
    assert flips([1, 0, 1, 1, 0], [1, 1, 0, 0, 0]) == (1, 2)
    assert flips([0.2, 0.5], [0.3, 0.5]) == (1, 0)


def test_bonett_price_by_hand():
    """n = 100, 12 gained, 4 lost: p = 13/102, 5/102."""
    a = np.array([0] * 12 + [1] * 4 + [1] * 84)
    b = np.array([1] * 12 + [0] * 4 + [1] * 84)
    interval = paired_difference(a, b)
    centre = 8 / 102
    half = 1.959964 * math.sqrt((18 / 102 - centre**2) / 102)
    assert interval.value == pytest.approx(0.08)
    assert (interval.low, interval.high) == pytest.approx((centre - half, centre + half), rel=1e-6)


@pytest.mark.parametrize(("gain", "loss"), [(0.03, 0.03), (0.02, 0.05), (0.005, 0.03)])
def test_paired_difference_covers(gain, loss):
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(300):
        kind = rng.choice(3, 500, p=[gain, loss, 1 - gain - loss])
        covered.append(paired_difference(np.where(kind == 0, 0, 1), np.where(kind == 1, 0, 1)).covers(gain - loss))
    assert np.mean(covered) > 0.92


def test_no_flips_still_leave_doubt():
    same = np.ones(200)
    interval = paired_difference(same, same)
    assert interval.value == 0
    assert interval.low < 0 < interval.high


def test_pairing_pays():
    rng = np.random.default_rng(3)
    a = rng.random(400)
    b = a - 0.01 + 0.02 * rng.standard_normal(400)
    interval = paired_difference(a, b)
    assert interval.covers(-0.01)
    assert interval.high < 0
    assert interval.width < 0.2 * mean_interval(a).width


def test_differences_of_minus_one_and_one_of_scores_are_not_proportions():
    """Scores outside 0/1 whose differences happen to be 0 or 1 must not be taken for right/wrong."""
    interval = paired_difference([3.0, 2.0, 5.0] * 20, [4.0, 2.0, 6.0] * 20)
    assert interval.value == pytest.approx(2 / 3)
    assert interval.method == "bca-bootstrap"


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1, 0], [1])


def test_skewness_moves_the_bounds():
    """A plain percentile bootstrap puts both bounds too low for outcomes with a long upper tail."""
    rng = np.random.default_rng(5)
    outcomes = rng.lognormal(0, 1.2, 60)
    means = [rng.choice(outcomes, 60).mean() for _ in range(4000)]
    low, high = np.quantile(means, [0.025, 0.975])
    interval = mean_interval(outcomes)
    assert interval.low > low + 0.05 * (high - low)
    assert interval.high > high + 0.1 * (high - low)
