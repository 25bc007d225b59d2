"""Issuing queries on a clock that moves only when it is told to; the M/D/1 queue is the oracle of the open loop."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.scenarios import SteadyClock, VirtualClock, all_at_once, on_arrival, one_by_one, poisson, repeated

SERVICE = 1_000_000


class System:
    """A system under test that takes a known time for each call."""

    def __init__(self, services=SERVICE) -> None:
        self.clock, self.calls = VirtualClock(), 0
        self.services = iter(services) if not isinstance(services, int) else None
        self.each = services

    def __call__(self) -> int:
        self.clock.work(self.each if self.services is None else next(self.services))
        self.calls += 1
        return self.calls


def test_one_by_one_stamps_every_query() -> None:
    system = System([3, 1, 2])
    found = one_by_one(system, 3, system.clock)
    assert found.latencies.tolist() == [3, 1, 2]
    assert (found.duration_ns, found.result) == (6, 3)


def test_a_query_of_several_samples_has_one_latency() -> None:
    system = System([1, 2, 3, 4])
    found = one_by_one(repeated(system, 2), 2, system.clock)
    assert found.latencies.tolist() == [3, 7]


def test_a_query_of_one_call_is_the_call() -> None:
    system = System()
    assert repeated(system, 1) is system


def test_offline_is_one_query() -> None:
    system = System([5, 6, 7])
    found = all_at_once(system, 3, system.clock)
    assert (found.latencies.tolist(), found.duration_ns, found.result) == ([18], 18, 3)


def test_a_latency_counts_from_the_arrival() -> None:
    system = System(10)
    found = on_arrival(system, np.array([5, 6, 7, 100]), system.clock)
    assert found.latencies.tolist() == [10, 19, 28, 10]
    assert found.duration_ns == 110


def test_a_call_serves_those_who_wait() -> None:
    system = System(10)
    found = on_arrival(system, np.array([0, 1, 2, 3, 4, 50]), system.clock, batch=3)
    assert found.latencies.tolist() == [10, 19, 18, 17, 26, 10]
    assert system.calls == 4


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=40),
    st.lists(st.integers(0, 30), min_size=40, max_size=40),
    st.integers(1, 4),
)
def test_waiting_follows_lindley(gaps: list[int], services: list[int], batch: int) -> None:
    arrivals = np.cumsum(gaps)
    system = System(services)
    found = on_arrival(system, arrivals, system.clock, batch=batch)
    assert (found.latencies >= 0).all()
    assert (np.diff(arrivals + found.latencies) >= 0).all()  # first come, first served
    if batch == 1:
        free, expected = 0, []
        for arrival, service in zip(arrivals.tolist(), services, strict=False):
            free = max(arrival, free) + service
            expected.append(free - arrival)
        assert found.latencies.tolist() == expected


def test_a_poisson_schedule_is_its_seed() -> None:
    first, again, other, faster = (poisson(rate, 1000, seed) for rate, seed in ((50, 1), (50, 1), (50, 2), (100, 1)))
    assert (first == again).all()
    assert (first != other).any()
    assert np.allclose(first, 2 * faster, atol=2)
    assert first.dtype == np.int64


def test_gaps_are_exponential() -> None:
    gaps = np.diff(poisson(1000.0, 100_000, 3)) / 1e6
    assert gaps.mean() == pytest.approx(1.0, rel=0.02)
    assert gaps.std() == pytest.approx(1.0, rel=0.02)
    assert (gaps > 1).mean() == pytest.approx(math.exp(-1), abs=0.006)  # four standard errors


@pytest.mark.parametrize(("rate", "n"), [(0.0, 1), (-1.0, 1), (math.inf, 1), (math.nan, 1), (1.0, 0)])
def test_what_is_no_schedule_is_refused(rate: float, n: int) -> None:
    with pytest.raises(ValueError, match=r"rate|query"):
        poisson(rate, n, 0)


def waits_at_most(t: float, load: float) -> float:
    """P(wait <= t services) in an M/D/1 queue: Erlang (1909); the terms alternate, hence the digits."""
    with localcontext() as context:
        context.prec = 80
        rho, time = Decimal(load), Decimal(t)
        total = Decimal(0)
        for k in range(int(t) + 1):
            reach = rho * (Decimal(k) - time)
            total += reach**k / math.factorial(k) * (-reach).exp() if k else (-reach).exp()
        return float((1 - rho) * total)


def latency_quantile(q: float, load: float) -> float:
    """Return quantile `q` of an M/D/1 queue's latency, in services."""
    low, high = 0.0, 100.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if waits_at_most(middle, load) < q else (low, middle)
    return 1 + high


@pytest.mark.parametrize(("load", "tolerance"), [(0.5, 0.02), (0.9, 0.05)])
def test_quantiles_are_those_of_the_queue(load: float, tolerance: float) -> None:
    system = System()
    found = on_arrival(system, poisson(load * 1e9 / SERVICE, 200_000, 7), system.clock)
    for q in (0.5, 0.9, 0.99):
        assert np.quantile(found.latencies / SERVICE, q) == pytest.approx(latency_quantile(q, load), rel=tolerance)


def test_a_closed_loop_hides_the_queue() -> None:
    system = System()
    open_loop = on_arrival(system, poisson(900.0, 50_000, 1), system.clock)
    closed = one_by_one(system, 50_000, system.clock)
    assert np.quantile(open_loop.latencies, 0.99) > 15 * np.quantile(closed.latencies, 0.99)


def test_the_machines_clock_waits() -> None:
    clock = SteadyClock()
    due = clock.now_ns() + 300_000
    clock.wait_until_ns(due)
    clock.wait_until_ns(due - 1)  # past: no wait
    assert clock.now_ns() >= due
