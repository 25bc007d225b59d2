"""Query counts and early stopping: against MLPerf's own figures and an exact binomial sum."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.tail import early_rank, least_within, queries_for, shows_bound, within_at_most


@pytest.mark.parametrize(("q", "n"), [(0.90, 23_886), (0.95, 50_425), (0.97, 85_811), (0.99, 262_742)])
def test_counts_are_those_of_the_rules(q: float, n: int) -> None:
    assert queries_for(q) == n


def test_a_wider_margin_takes_fewer() -> None:
    assert queries_for(0.99, 0.99, 0.0025) == 10_510
    assert queries_for(0.99, 0.95, 0.0025) < queries_for(0.99, 0.99, 0.0025)


@pytest.mark.parametrize("margin", [0.0, -0.1, 0.02])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        queries_for(0.99, margin=margin)


def exact(n: int, over: int, q: Fraction) -> Fraction:
    return sum((math.comb(n, k) * q ** (n - k) * (1 - q) ** k for k in range(over + 1)), Fraction(0))


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 99))
def test_the_sum_is_exact(n: int, over: int, percent: int) -> None:
    expected = exact(n, min(over, n), Fraction(percent, 100))
    assert within_at_most(n, over, percent / 100) == pytest.approx(float(expected), rel=1e-9)


# loadgen: 459 for p99 with none beyond; floors of 64 (p90) and 662 (p99) with one.
@pytest.mark.parametrize(("over", "q", "h"), [(0, 0.99, 459), (1, 0.90, 63), (1, 0.99, 661)])
def test_the_fewest_are_those_of_loadgen(over: int, q: float, h: int) -> None:
    assert least_within(over, q) == h


@given(st.integers(0, 40), st.sampled_from([0.5, 0.9, 0.99]))
def test_the_fewest_is_the_edge(over: int, q: float) -> None:
    h = least_within(over, q)
    assert within_at_most(h + over, over, q) <= 0.01 < within_at_most(h + over - 1, over, q)
    assert shows_bound(h + over, over, q)
    assert not shows_bound(h + over - 1, over, q)


def test_the_rank_discards_what_may_be_discarded() -> None:
    assert early_rank(661, 0.99) is None
    assert early_rank(662, 0.99) == 1
    for n in (700, 5_000, 270_336):
        rank = early_rank(n, 0.99)
        assert rank is not None
        assert shows_bound(n, rank, 0.99)
        assert not shows_bound(n, rank + 1, 0.99)


def test_a_bound_that_holds_no_better_than_claimed_rarely_passes() -> None:
    """Of all outcomes of 2,000 queries of which 99 % keep the bound, at most 1 % pass."""
    most = max(over for over in range(40) if shows_bound(2_000, over, 0.99))
    assert float(exact(2_000, most, Fraction(99, 100))) <= 0.01


@pytest.mark.parametrize(
    "bad", [{"over": -1, "q": 0.9}, {"over": 0, "q": 1.0}, {"over": 0, "q": 0.9, "confidence": 1.0}]
)
def test_nonsense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"count|level"):
        least_within(**bad)
