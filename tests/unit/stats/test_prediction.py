"""The prediction interval holds the median of a rerun; a confidence interval does not."""

import math

import numpy as np
import pytest

from bench.stats import confidence_sequence, prediction_interval, widened
from bench.stats.interval import Interval
from bench.stats.prediction import half_width
from bench.stats.sequence import RESOLUTION
from bench.stats.special import student_quantile

LAWS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "student3": lambda rng, n: rng.standard_t(3, n),
    "one in ten is late": lambda rng, n: rng.standard_normal(n) + (rng.random(n) < 0.1) * rng.normal(0, 10, n),
}
RERUNS = 1000


def held(law, n, m, inside):
    rng = np.random.default_rng(7)
    return np.mean([inside(law(rng, n), float(np.median(law(rng, m)))) for _ in range(RERUNS)])


def predicted(m):
    """Whether Student's part of the interval holds a rerun: the whole is no narrower, and takes long to compute."""
    return lambda values, new: abs(0.01 * (new - np.median(values))) <= half_width(0.01 * values, m, 0.95)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "m"), [(3, 3), (8, 20), (20, 5)])
def test_it_holds_95_of_100_reruns(law, n, m):
    assert held(LAWS[law], n, m, predicted(m)) >= 0.945


def test_it_is_not_far_wider_than_it_need_be():
    """An interval that held every rerun would say nothing."""
    assert held(LAWS["normal"], 20, 5, predicted(5)) <= 0.98


def test_a_confidence_interval_holds_83_of_100():
    """The mean's own interval, for many launches: P(|N(0, 2)| < 1.96) = 0.834."""
    rng = np.random.default_rng(3)
    old, new = (rng.standard_normal((RERUNS, 40)) for _ in range(2))
    half = student_quantile(0.95, 39) * old.std(axis=1, ddof=1) / math.sqrt(40)
    assert np.mean(abs(new.mean(axis=1) - old.mean(axis=1)) <= half) == pytest.approx(0.834, abs=0.03)


def test_many_launches_by_hand():
    """Thirty launches at +-1 %: s = 0.010171, t(29) = 2.04523, and two new ones, whose median is their mean."""
    found = prediction_interval([0.01, -0.01] * 15, 2)
    half = 2.04523 * 0.0101710 * math.sqrt(math.pi / 2 / 30 + 1 / 2)
    assert (found.low, found.high) == (pytest.approx(-half, rel=1e-4), pytest.approx(half, rel=1e-4))
    assert (found.value, found.n) == (0.0, 30)


@pytest.mark.parametrize("values", [[0.011, 0.0109], [0.01, 0.02, 0.012], list(np.linspace(0, 0.1, 9))])
def test_a_rerun_is_not_told_better_than_the_truth(values):
    """Two launches that came out alike by chance promise nothing."""
    known = confidence_sequence(values)
    for m in (1, 5, 1000):
        found = prediction_interval(values, m)
        assert found.low <= known.low
        assert found.high >= known.high


def test_it_narrows_with_launches_of_either_run():
    values = np.linspace(-0.01, 0.01, 11)
    widths = [prediction_interval(values, m).width for m in (1, 2, 5)]
    assert widths == sorted(widths, reverse=True)
    assert prediction_interval(np.tile(values, 4), 5).width < widths[2]


def test_equal_launches_are_not_a_promise():
    assert prediction_interval([0.2] * 9, 9).width > 2 * RESOLUTION


def test_one_launch_bounds_nothing_and_none_is_refused():
    assert math.isinf(prediction_interval([0.1], 5).width)
    with pytest.raises(ValueError, match="at least one launch"):
        prediction_interval([0.1, 0.2], 0)
    with pytest.raises(ValueError, match="at least one launch"):
        widened(Interval(0.0, -1.0, 1.0, 0.95, 5, "x"), 0)


def test_a_confidence_interval_is_widened_by_the_rerun():
    """As many launches again: half-widths grow by sqrt(2), to either side."""
    found = widened(Interval(1.0, 0.9, 1.3, 0.95, 8, "x"), 8)
    assert (found.low, found.high) == (pytest.approx(1 - 0.1 * 2**0.5), pytest.approx(1 + 0.3 * 2**0.5))
    assert widened(Interval(1.0, -math.inf, math.inf, 0.95, 1, "x"), 8).width == math.inf
