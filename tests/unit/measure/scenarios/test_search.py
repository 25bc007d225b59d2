"""The search for the highest rate, against systems whose limit is known."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.scenarios import highest_rate as search

highest_rate = partial(search, within=(1e-3, 1e9))


@given(st.floats(1.0, 1e5), st.floats(0.3, 3.0))
def test_the_limit_is_bracketed(limit: float, off: float) -> None:
    found = highest_rate(lambda rate: rate <= limit, limit * off, resolution=0.05, most=20)
    assert found.passed is not None and found.failed is not None
    assert found.passed <= limit < found.failed <= found.passed * 1.05 * (1 + 1e-12)


def test_every_rate_is_tried_once_and_kept() -> None:
    found = highest_rate(lambda rate: rate <= 100, 80.0, resolution=0.02, most=30)
    rates = [rate for rate, _ in found.tried]
    assert len(set(rates)) == len(rates)
    assert all(fine == (rate <= 100) for rate, fine in found.tried)


def test_no_more_than_asked() -> None:
    found = highest_rate(lambda rate: rate <= 100, 1.0, resolution=0.001, most=3)
    assert len(found.tried) == 3


def test_where_nothing_passes_there_is_no_rate() -> None:
    found = highest_rate(lambda rate: False, 10.0, resolution=0.05, most=5)
    assert found.passed is None
    assert found.failed == min(rate for rate, _ in found.tried)


def test_where_everything_passes_nothing_failed() -> None:
    found = highest_rate(lambda rate: True, 10.0, resolution=0.05, most=5)
    assert (found.passed, found.failed) == (max(rate for rate, _ in found.tried), None)


def test_the_bounds_end_it() -> None:
    slow = search(lambda rate: False, 10.0, within=(4.0, 20.0), resolution=0.05, most=50)
    assert (slow.passed, slow.failed, len(slow.tried)) == (None, 4.0, 4)
    fast = search(lambda rate: True, 100.0, within=(4.0, 20.0), resolution=0.05, most=50)
    assert (fast.passed, fast.failed, len(fast.tried)) == (20.0, None, 1)


@pytest.mark.parametrize(("start", "resolution"), [(0.0, 0.1), (1.0, 0.0), (float("nan"), 0.1)])
def test_what_is_no_search_is_refused(start: float, resolution: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        highest_rate(lambda rate: True, start, resolution=resolution, most=5)
