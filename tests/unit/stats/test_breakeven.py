"""Break-even: the interval covers, says "never" when that is possible, and claims no saving that was not shown."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.breakeven import Mean, break_even, paired_saving

positive = st.floats(1e-3, 1e6)


def exact(value):
    return Mean(value, 0.0)


@given(positive, positive)
def test_exact_costs_give_the_exact_ratio(compress_j, saving_j):
    found = break_even(exact(compress_j), exact(saving_j))
    assert found.interval.value == pytest.approx(compress_j / saving_j)
    assert found.interval.low == pytest.approx(compress_j / saving_j, rel=1e-6)
    assert found.interval.high == pytest.approx(compress_j / saving_j, rel=1e-6)
    assert (found.saves, found.verdict) == (1.0, "saves")


@given(positive, st.floats(0, 0.2), st.floats(-10, 10), st.floats(0.01, 5), st.sampled_from([1, 2, 4, 8, math.inf]))
def test_the_interval_is_ordered_and_unbounded_exactly_without_a_saving(cost, cost_cv, value, error, df):
    found = break_even(Mean(cost, cost * cost_cv, 4), Mean(value, error, df))
    assert 0 <= found.interval.low <= found.interval.value <= found.interval.high or found.interval.low == math.inf
    assert (found.verdict == "saves") == (found.saves >= 0.975)
    if found.verdict != "saves":
        assert found.interval.high == math.inf


@given(st.floats(-6, 6), st.sampled_from([1, 2, 3, 4, 8, 30]))
def test_probability_of_a_saving_is_students(t, df):
    assert break_even(exact(1.0), Mean(t, 1.0, df)).saves == pytest.approx(stats.t.cdf(t, df), abs=1e-9)


def test_known_errors_give_the_textbook_fieller_interval():
    compress, saving, z = Mean(40.0, 0.8), Mean(0.2, 0.0117), stats.norm.ppf(0.975)
    g = (z * saving.standard_error / saving.value) ** 2
    root = z / 0.2 * math.sqrt(0.8**2 * (1 - g) + 200**2 * saving.standard_error**2)
    found = break_even(compress, saving).interval
    assert (found.low, found.high) == pytest.approx(((200 - root) / (1 - g), (200 + root) / (1 - g)))


def test_a_loss_never_pays_back():
    found = break_even(Mean(40, 1), Mean(-0.1, 0.01))
    assert (found.interval.value, found.interval.low, found.interval.high) == (math.inf,) * 3
    assert found.verdict == "no demonstrated saving"


def test_an_undecided_loss_leaves_a_lower_bound():
    found = break_even(Mean(40, 1), Mean(-0.001, 0.01))
    assert found.interval.value == found.interval.high == math.inf
    assert 40 / 0.03 < found.interval.low < math.inf


@pytest.mark.parametrize("saving_pct", [1, 2, 10, 50])
def test_five_windows_a_side_cover(saving_pct):
    rng, runs, hits = np.random.default_rng(saving_pct), 500, 0
    base, compressed = 0.5, 0.5 * (1 - saving_pct / 100)
    for _ in range(runs):
        cost, before, after = (mean * (1 + 0.01 * rng.standard_normal(5)) for mean in (40.0, base, compressed))
        found = break_even(Mean.of(cost), Mean.of(before).less(Mean.of(after)))
        hits += found.interval.covers(40 / (base - compressed))
        assert (found.verdict == "no demonstrated saving") == (found.saves < 0.975)
    assert 0.925 <= hits / runs <= 0.98


def test_pairing_keeps_what_the_sides_share():
    drift = np.array([0.0, 5.0, -3.0, 9.0, 1.0])
    base, compressed = 10 + drift, 9 + drift + np.array([0.01, -0.01, 0.0, 0.02, -0.02])
    assert paired_saving(base, compressed).standard_error < 0.02
    assert Mean.of(base).less(Mean.of(compressed)).standard_error > 1


def test_welch_follows_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 0.1, 5), rng.normal(1, 0.5, 7)
    ours, theirs = Mean.of(a).less(Mean.of(b)), stats.ttest_ind(a, b, equal_var=False)
    assert ours.df == pytest.approx(theirs.df)
    assert ours.value / ours.standard_error == pytest.approx(theirs.statistic)
    assert 2 * min(break_even(exact(1.0), ours).saves, 1 - break_even(exact(1.0), ours).saves) == pytest.approx(
        theirs.pvalue, rel=0.01
    )


def test_a_single_reading_brings_its_interval():
    mean = Mean.from_interval(10, 8, 11)
    assert (mean.value, mean.df) == (10, math.inf)
    assert mean.standard_error == pytest.approx(2 / 1.959964)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Mean.of([1.0]), "at least two windows"),
        (lambda: Mean.from_interval(1, 2, 3), "low <= value <= high"),
        (lambda: Mean.from_interval(1, 0, math.inf), "finite"),
        (lambda: break_even(exact(0.0), exact(1.0)), "must be positive"),
        (lambda: break_even(exact(1.0), exact(1.0), level=1), "level"),
        (lambda: paired_saving([1, 2], [1, 2, 3]), "as many windows"),
    ],
)
def test_what_cannot_be_answered_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
