"""Outcomes of examples under a metric that is no mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import mean_interval, paired_difference
from bench.stats.leave_out import leave_out

RNG = np.random.default_rng(7)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_of_a_mean_they_are_the_outcomes_themselves(values):
    data = np.array(values)
    assert np.allclose(leave_out(lambda rows: float(data[rows].mean()), len(data)), data, atol=1e-6)


def test_their_mean_is_the_metric():
    data = RNG.standard_normal((50, 2))
    found = leave_out(lambda rows: float(np.corrcoef(data[rows].T)[0, 1]), 50)
    assert found.mean() == pytest.approx(np.corrcoef(data.T)[0, 1])


def test_groups_keep_the_variance_of_single_examples():
    data = RNG.standard_normal((1200, 2)) + RNG.standard_normal((1200, 1))
    each, groups = (leave_out(lambda rows: float(np.corrcoef(data[rows].T)[0, 1]), 1200, most) for most in (1200, 400))
    assert groups.mean() == pytest.approx(each.mean())
    assert groups.std() == pytest.approx(each.std(), rel=0.1)


def test_one_example_is_refused():
    with pytest.raises(ValueError, match="more than 1"):
        leave_out(lambda rows: 0.0, 1)


def test_the_interval_of_a_correlation_is_fishers():
    n = 400
    shared = RNG.standard_normal((n, 1))
    data = RNG.standard_normal((n, 2)) + shared
    found = mean_interval(leave_out(lambda rows: float(np.corrcoef(data[rows].T)[0, 1]), n))
    low, high = np.tanh(np.arctanh(found.value) + np.array([-1.96, 1.96]) / np.sqrt(n - 3))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.015), pytest.approx(high, abs=0.015))


def test_the_interval_of_a_drop_is_that_of_resampling_the_examples_and_asking_the_metric_again():
    n = 300
    truth = RNG.standard_normal(n)
    first = truth + RNG.standard_normal(n)
    second = first + 0.5 * RNG.standard_normal(n)

    def of(answers):
        return lambda rows: float(np.corrcoef(answers[rows], truth[rows])[0, 1])

    found = paired_difference(leave_out(of(first), n), leave_out(of(second), n))
    draws = [RNG.integers(0, n, n) for _ in range(1000)]
    low, high = np.quantile([of(second)(rows) - of(first)(rows) for rows in draws], [0.025, 0.975])
    assert found.value == pytest.approx(of(second)(np.arange(n)) - of(first)(np.arange(n)))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    assert found.width < 0.6 * mean_interval(leave_out(of(first), n)).width  # it is paired
