"""Periods, edges and brackets, on counters whose every update is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measure.energy import CounterMeter, InvalidWindow, Period, discover
from bench.measure.energy.edges import ATTEMPTS, GATE_S, Edge, backdated, next_edges, patience_s, read_now


@pytest.fixture
def counter(sim):
    def make(tau_s=0.001, jitter=0.0, cost_s=2e-5, **more):
        clock = sim.VirtualClock(50.0)
        return sim.VirtualCounter(clock, sim.Step(0.0), tau_s, jitter=jitter, cost_s=cost_s, **more), clock

    return make


@pytest.mark.parametrize("tau_s", [0.001, 0.02, 0.1])
@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_the_period_is_found_and_its_limits_hold_every_update(counter, tau_s, jitter):
    source, clock = counter(tau_s, jitter)
    period = discover(source, clock)
    assert period.tau_s == pytest.approx(tau_s, rel=0.05 + jitter)
    spans = [source.update_s(each + 1) - source.update_s(each) for each in range(400)]
    held = sum(period.low_s <= each <= period.high_s for each in spans)
    assert held >= 0.9 * len(spans)
    assert period.updates == 13
    assert clock.now_s() - 50.0 < 15 * tau_s, "thirteen updates take no longer than they must"


def test_a_missed_update_does_not_stretch_the_period(counter, sim):
    source, clock = counter(0.02)
    shown = source.shown_j
    source.shown_j = lambda at: shown(50.10 if 50.10 < at < 50.14 else at)
    period = discover(source, clock)
    assert period.tau_s == pytest.approx(0.02, rel=0.01)
    assert period.high_s < 0.021


def test_a_counter_that_stands_still_is_refused(counter, sim):
    source, clock = counter()
    source.shown_j = lambda at: 42.0
    with pytest.raises(InvalidWindow, match="stands still"):
        discover(source, clock, budget_s=0.1)
    meter = CounterMeter([source], name="m", version="1", clock=clock, load=sim.NoLoad())
    reading = meter.stop(meter.start())
    assert (reading.value, reading.verdict) == (None, "invalid")


def test_an_edge_lies_in_its_bracket_and_the_bracket_within_the_gate(counter):
    source, clock = counter(0.02, jitter=0.02)
    period = discover(source, clock)
    for _ in range(50):
        clock.sleep_s(0.0137)
        (edge,) = next_edges([source], [period], clock)
        index = round((edge.at_s - source.phase_s) / source.tau_s)
        assert edge.before_s <= source.update_s(index) <= edge.after_s
        assert edge.half_s * 2 <= GATE_S
        assert edge.value_j == source.shown_j(clock.now_s())


def test_most_of_the_wait_is_slept(counter):
    """A prediction that holds saves the reads: far fewer than the thousand that a whole period takes."""
    source, clock = counter(0.1, cost_s=1e-4)
    period = discover(source, clock)
    reads, read = [], source.read_j
    source.read_j = lambda: reads.append(1) or read()
    clock.sleep_s(0.03)
    next_edges([source], [period], clock)
    assert len(reads) < 100


def test_a_slow_reader_gets_the_narrowest_bracket_and_gives_up(counter):
    source, clock = counter(0.002, cost_s=5e-4)
    (edge,) = next_edges([source], [Period(0.002, 0.0019, 0.0021)], clock, rest=False)
    assert GATE_S < edge.half_s * 2 < 1.1e-3
    assert clock.now_s() - 50.0 < (ATTEMPTS + 2) * 0.002


def test_a_counter_that_stops_gives_an_edge_a_period_wide(counter):
    source, clock = counter()
    period = discover(source, clock)
    stands = source.shown_j(clock.now_s())
    source.shown_j = lambda at: stands
    (edge,) = next_edges([source], [period], clock)
    assert edge.after_s - edge.before_s == pytest.approx(period.high_s)
    assert clock.now_s() - edge.after_s <= patience_s(period)


def test_several_counters_each_get_their_own_edge(counter, sim):
    fast, clock = counter(0.001)
    slow = sim.VirtualCounter(clock, sim.Step(0.0), 0.02, phase_s=0.007, name="slow", domain="dram")
    periods = [discover(fast, clock), discover(slow, clock)]
    edges = next_edges([fast, slow], periods, clock)
    for source, edge in zip((fast, slow), edges, strict=True):
        index = round((edge.at_s - source.phase_s) / source.tau_s)
        assert edge.before_s <= source.update_s(index) <= edge.after_s


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 0.1), st.sampled_from([0.001, 0.02]), st.floats(0, 0.05))
def test_the_edge_before_the_read_is_dated_by_the_one_after(sim, later, tau_s, jitter):
    clock = sim.VirtualClock(50.0)
    source = sim.VirtualCounter(clock, sim.Step(0.0), tau_s, jitter=jitter)
    # Limits that are sure: an interval lies within twice the jitter of its mean.
    period = Period(tau_s, tau_s * (1 - 2 * jitter), tau_s * (1 + 2 * jitter))
    clock.sleep_s(later)
    read = read_now(source, clock)
    updates = (source.update_s(each) for each in range(int(49.8 / tau_s), int(50.2 / tau_s)))
    shown = max(at for at in updates if at <= read.after_s and source.shown_j(at) <= read.value_j)
    (following,) = next_edges([source], [period], clock, reads=[read], attempts=1, rest=False)
    edge = backdated(read, following, period)
    assert edge.before_s - 1e-9 <= shown <= edge.after_s + 1e-9
    assert edge.half_s <= 2 * jitter * tau_s + 1e-4


def test_without_an_edge_after_it_only_the_period_is_known():
    read = Edge(9.99, 10.0, 5.0)
    edge = backdated(read, Edge(10.0, 10.5, 5.0), Period(0.1, 0.09, 0.11))
    assert (edge.before_s, edge.after_s) == pytest.approx((9.88, 10.0))


def test_edges_that_contradict_the_period_are_not_believed():
    read = Edge(9.99, 10.0, 5.0)
    edge = backdated(read, Edge(10.50, 10.51, 6.0), Period(0.1, 0.09, 0.11))
    assert (edge.before_s, edge.after_s) == pytest.approx((9.88, 10.0))
