import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import log_e_beyond

LIMIT, TOWARDS = math.log1p(0.005), math.log1p(0.02)
launches = st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=14)


def late(rng, shape):
    return rng.standard_normal(shape) + (rng.random(shape) < 0.05) * rng.exponential(10, shape) * rng.choice(
        [-1, 1], shape
    )


LAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "student2": lambda rng, shape: rng.standard_t(2, shape),
    "uniform": lambda rng, shape: rng.uniform(-1.7, 1.7, shape),
    "two-valued": lambda rng, shape: rng.choice([-1.0, 1.0], shape) + 0.05 * rng.standard_normal(shape),
    "late": late,
    "widening": lambda rng, shape: rng.standard_normal(shape) * np.geomspace(0.2, 5, shape[0])[:, None],
}


def ever(values, limit, towards, alpha):
    """Share of the columns that some look rejects, in percent."""
    return 100 * float((log_e_beyond(values, limit, towards) >= -math.log(alpha)).any(axis=0).mean())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("spread", [0.001, 0.005, 0.02])
def test_peeking_after_every_launch_keeps_the_level_at_the_limit(law, spread):
    noise = spread * LAWS[law](np.random.default_rng(1), (40, 4000))
    # 1 % claimed; 1.4 % is what 4,000 sequences exceed once in a hundred times at 1 %.
    assert ever(LIMIT + noise, LIMIT, TOWARDS, 0.01) <= 1.4
    assert ever(TOWARDS - noise, TOWARDS, LIMIT, 0.01) <= 1.4


def test_the_yardstick_can_fail():
    """A t interval at 99 %, looked at as often, is caught by the same count."""
    noise = np.random.default_rng(1).standard_normal((40, 4000))
    n = np.arange(1, 41)[:, None]
    mean = noise.cumsum(axis=0) / n
    sd = np.sqrt(np.maximum((noise**2).cumsum(axis=0) / n - mean**2, 1e-12))
    assert 100 * float((mean * np.sqrt(n) > 2.33 * sd)[9:].any(axis=0).mean()) > 1.4


def test_a_centre_short_of_the_limit_is_rejected_less_often():
    noise = 0.005 * np.random.default_rng(2).standard_normal((40, 4000))
    at = ever(LIMIT + noise, LIMIT, TOWARDS, 0.05)
    assert ever(noise, LIMIT, TOWARDS, 0.05) < at < ever(TOWARDS + noise, LIMIT, TOWARDS, 0.05)


def test_what_lies_at_the_other_limit_is_found_in_a_dozen_launches():
    noise = 0.005 * np.random.default_rng(3).standard_normal((12, 4000))
    assert ever(TOWARDS + noise, LIMIT, TOWARDS, 0.005) > 95


@settings(max_examples=60, deadline=None, derandomize=True)
@given(launches, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = (log_e_beyond(np.array(each), LIMIT, TOWARDS)[-1] for each in (values, shuffled))
    assert one == pytest.approx(other, abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(launches, st.integers(0, 13), st.floats(0, 1))
def test_a_slower_launch_never_lowers_the_evidence(values, at, added):
    slower = list(values)
    slower[at % len(values)] += added
    one, other = (log_e_beyond(np.array(each), LIMIT, TOWARDS)[-1] for each in (values, slower))
    assert other >= one - 1e-9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(launches)
def test_swapping_the_sides_mirrors_the_evidence(values):
    array = np.array(values)
    one, other = log_e_beyond(array, LIMIT, TOWARDS), log_e_beyond(-array, -LIMIT, -TOWARDS)
    assert one == pytest.approx(other, abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(launches, st.floats(0.01, 100))
def test_the_unit_does_not_matter(values, factor):
    array = np.array(values)
    one, other = log_e_beyond(array, LIMIT, TOWARDS), log_e_beyond(factor * array, factor * LIMIT, factor * TOWARDS)
    assert one == pytest.approx(other, abs=1e-6)


def test_columns_are_sequences_of_their_own():
    values = np.random.default_rng(4).normal(0.01, 0.005, (9, 3))
    together = log_e_beyond(values, LIMIT, TOWARDS)
    assert together.shape == (9, 3)
    assert together[:, 1] == pytest.approx(log_e_beyond(values[:, 1], LIMIT, TOWARDS))
    assert together[4, 2] == pytest.approx(log_e_beyond(values[:5, 2], LIMIT, TOWARDS)[-1])
    assert log_e_beyond(np.zeros((0, 3)), LIMIT, TOWARDS).shape == (0, 3)


@pytest.mark.parametrize("other", [LIMIT, math.inf, math.nan])
def test_limits_that_leave_no_distance_are_refused(other):
    with pytest.raises(ValueError, match="two different finite limits"):
        log_e_beyond(np.zeros(3), LIMIT, other)
