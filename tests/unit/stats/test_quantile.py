import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import clustered_quantile, quantile_support


@pytest.mark.parametrize(("q", "n"), [(0.5, 6), (0.9, 36), (0.99, 368), (0.999, 3688), (0.01, 368)])
def test_support(q, n):
    assert quantile_support(q) == n
    q = max(q, 1 - q)
    assert q**n <= 0.025 < q ** (n - 1)


@pytest.mark.parametrize(("calls", "given_"), [(367, False), (368, True)])
def test_an_unsupported_quantile_is_absent(calls, given_):
    samples = np.random.default_rng(0).random(calls)
    assert (clustered_quantile(np.array_split(samples, 8), 0.99) is not None) is given_


def draw(rng, launches, calls=132, drift=0.1):
    return [np.exp(drift * rng.standard_normal() + 0.2 * rng.standard_normal(calls)) for _ in range(launches)]


@pytest.mark.parametrize(("q", "launches"), [(0.5, 3), (0.5, 8), (0.9, 8), (0.99, 15)])
def test_coverage_with_launches_that_drift(q, launches):
    rng = np.random.default_rng(1)
    spread = math.hypot(0.1, 0.2)
    truth = math.exp(spread * {0.5: 0.0, 0.9: 1.2816, 0.99: 2.3263}[q])
    covered = [clustered_quantile(draw(rng, launches), q).covers(truth) for _ in range(200)]
    assert np.mean(covered) > 0.90


def test_clustering_widens_the_interval():
    rng = np.random.default_rng(2)
    apart = clustered_quantile(draw(rng, 10, drift=0.2), 0.5)
    together = clustered_quantile(draw(rng, 10, drift=0.0), 0.5)
    assert apart.width > 3 * together.width
    pooled_as_independent = 2 * 1.96 * 0.2 * 1.25 / math.sqrt(1320)
    assert together.width > 0.7 * pooled_as_independent
    assert apart.width > 4 * pooled_as_independent


def test_one_launch_sets_no_bound():
    interval = clustered_quantile([np.linspace(1, 2, 1001)], 0.5)
    assert interval.value == 1.5
    assert (interval.low, interval.high) == (0.0, math.inf)
    assert interval.method == "unbounded"


def test_a_tail_few_launches_cannot_bound_stays_open():
    interval = clustered_quantile(draw(np.random.default_rng(3), 3), 0.99)
    assert math.isfinite(interval.value)
    assert interval.high == math.inf


def test_value_is_one_of_the_calls():
    launches = [[4.0, 1.0, 3.0], [2.0, 6.0, 5.0, 8.0], [7.0, 10.0, 9.0]]
    assert clustered_quantile(launches, 0.5, level=0.5).value == 5.0
    assert clustered_quantile(launches, 0.8, level=0.5).value == 8.0


def test_empty_launches_are_left_out():
    launches = draw(np.random.default_rng(4), 6)
    assert clustered_quantile([*launches, []], 0.9) == clustered_quantile(launches, 0.9)
    assert clustered_quantile([[], []], 0.5) is None
    assert clustered_quantile([], 0.5) is None


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.floats(0.001, 10), min_size=1, max_size=30), min_size=1, max_size=8),
    st.floats(0.05, 0.95),
    st.floats(0.1, 10),
)
def test_properties(launches, q, scale):
    interval = clustered_quantile(launches, q)
    calls = np.concatenate(launches)
    if interval is None:
        assert calls.size < quantile_support(q)
        return
    assert interval.low <= interval.value <= interval.high
    assert (calls <= interval.value).mean() >= q - 1e-9
    assert (calls < interval.value).mean() < q + 1e-9
    assert clustered_quantile(launches[::-1], q) == interval
    scaled = clustered_quantile([np.array(each) * scale for each in launches], q)
    assert (scaled.low, scaled.high) == pytest.approx((interval.low * scale, interval.high * scale))


@pytest.mark.parametrize("q", [0, 1, 50])
def test_q_is_a_fraction(q):
    with pytest.raises(ValueError, match="q must"):
        clustered_quantile([[1.0]], q)


def test_launches_that_agree_are_not_certainty():
    one = np.random.default_rng(5).random(100)
    interval = clustered_quantile([one] * 4, 0.5)
    assert interval.width > 2 * 3.18 * 0.5 / 20 * 0.7  # t(0.975, 3) standard errors of 400 independent calls


def test_a_launch_of_few_calls_weighs_little():
    launches = draw(np.random.default_rng(6), 6, drift=0.02)
    stub = clustered_quantile([*launches, [100.0]], 0.5)
    assert stub.width < 1.3 * clustered_quantile(launches, 0.5).width
