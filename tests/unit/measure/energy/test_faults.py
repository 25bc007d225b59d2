"""Wraps, resets, suspends and failed reads, in every order: the right joules, or none."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.measure.energy import CounterMeter, Engine, InvalidWindow
from bench.measure.energy.wrap import TOLERANCE, difference_j, guard_interval_s

LIMIT_W, TAU_S = 100.0, 0.001
WINDOWS_EACH, EXAMPLES, STEPS = 10, 1000, 40


@dataclass
class Steady:
    """Constant power that may change from window to window; energy never jumps."""

    watts: float = 50.0
    since_s: float = 0.0
    before_j: float = 0.0

    def set(self, watts, now_s):
        self.before_j, self.since_s, self.watts = self.energy_j(now_s), now_s, watts

    def energy_j(self, at_s):
        return self.before_j + self.watts * (at_s - self.since_s)


class Machine:
    """A counter that can be reset, suspended and made to fail."""

    def __init__(self, sim, wrap_j, watts=50.0):
        self.clock, self.trace = sim.VirtualClock(100.0), Steady(watts, 100.0)
        self.fails, self.failed = False, False
        machine = self

        class Counter(sim.VirtualCounter):
            def read_j(self):
                value = super().read_j()
                if machine.fails:
                    machine.failed = True
                    raise OSError("Input/output error")
                return value

        self.counter = Counter(
            self.clock, self.trace, TAU_S, wrap_j=wrap_j, power_limit_w=LIMIT_W, offset_j=3000.0, cost_s=1e-4
        )
        # Brackets as wide as a tenth of the period keep 10,000 windows quick.
        self.meter = CounterMeter(
            [self.counter], name="m", version="1", clock=self.clock, load=sim.NoLoad(), engine=Engine(gate_s=3e-4)
        )

    def energy_j(self):
        return self.trace.energy_j(self.clock.time_s)

    def rounds(self):
        return (self.counter.offset_j + self.energy_j()) // self.counter.wrap_j

    def reset(self):
        """Start again at 0, as a driver that is loaded again does."""
        self.counter.offset_j = -self.trace.energy_j(self.counter.update_s(math.floor(self.clock.time_s / TAU_S)))


EVENTS = st.sampled_from(["none"] * 5 + ["reset", "suspend", "failed read", "suspend and power goes on"])
WINDOW = st.tuples(EVENTS, st.floats(0.0, 1.0), st.floats(0.01, 1500.0), st.floats(0.5, LIMIT_W), st.booleans())


@pytest.fixture(scope="module")
def count():
    seen = {"windows": 0, "valid": 0, "wrapped": 0, "faults": 0}
    yield seen
    if seen["windows"] >= WINDOWS_EACH * EXAMPLES:  # the whole test ran, not one example of it
        assert seen["wrapped"] > 500
        assert seen["faults"] > 1000
        assert seen["valid"] > 3000


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WINDOW, min_size=WINDOWS_EACH, max_size=WINDOWS_EACH), st.floats(500.0, 20_000.0))
def test_no_window_is_wrong_and_every_fault_invalidates_it(sim, count, plan, wrap_j):
    machine = Machine(sim, wrap_j)
    for event, at, seconds, watts, guards in plan:
        one_window(machine, count, event, at, seconds, watts, guards)


def one_window(machine, count, event, at, seconds, watts, guards):
    machine.fails = machine.failed = took = False
    machine.trace.set(watts, machine.clock.time_s)
    token = machine.meter.start()
    began_s, began_j, began_rounds = machine.clock.time_s, machine.energy_j(), machine.rounds()
    steps = STEPS if guards else 2
    for step in range(steps):
        machine.clock.sleep_s(seconds / steps)
        if event != "none" and not took and step >= at * (steps - 1):
            took = happen(machine, event, token, seconds / steps + 1.1 if guards else seconds)
        token = machine.meter.guard(token) if guards else token
    ended_s, drawn_j, ended_rounds = machine.clock.time_s, machine.energy_j() - began_j, machine.rounds()
    reading = machine.meter.stop(token)
    count["windows"] += 1
    if took and (event != "failed read" or machine.failed):
        count["faults"] += 1
        assert reading.value is None, (event, reading)
        assert (reading.verdict, reading.facts["n_invalid"]) == ("invalid", 1)
    elif reading.value is not None:
        count["valid"] += 1
        count["wrapped"] += began_rounds != ended_rounds
        scale = (ended_s - began_s) / reading.facts["window_s"]
        assert abs(reading.value * scale - drawn_j) <= reading.facts["uncertainty"]["total_j"] * scale + 1e-6
    else:
        # What was read often enough, and not disturbed, has a value.
        unread_s = seconds / steps + 1.1 if guards else seconds + 0.1
        assert TOLERANCE * LIMIT_W * unread_s >= machine.counter.wrap_j, reading.reason


def happen(machine, event, token, unread_s):
    """Let it happen; return whether it did. `unread_s` is the longest time until the next read."""
    if event == "reset":
        # A reset within reach of either end looks, to any reader, as no reset: see docs/explanation/energy.md.
        last = token.tracks[0].last if token.tracks else None
        reach = TOLERANCE * LIMIT_W * (machine.clock.time_s - (last.before_s if last else 0) + unread_s)
        if last is None or not reach < last.value_j < machine.counter.wrap_j - reach:
            return False
        machine.reset()
    elif event == "failed read":
        machine.fails = True
    else:
        machine.clock.suspended_s += 30.0
        if event == "suspend and power goes on":
            machine.counter.offset_j += 20.0
    return True


def test_each_fault_says_what_it_was(sim):
    for event, word in (("suspend", "suspended"), ("failed read", "Input/output error"), ("reset", "reset")):
        machine = Machine(sim, 262_143.0)
        machine.counter.offset_j = 50_000.0
        token = machine.meter.start()
        machine.clock.sleep_s(1.0)
        assert happen(machine, event, token, 1.0)
        reading = machine.meter.stop(token)
        assert reading.class_ == "unavailable"
        assert word in reading.reason
        assert {"kind", "meter_version", "domains", "period_s", "window_s"} <= set(reading.facts)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(1, 500), st.floats(1e-3, 1e4))
def test_a_counter_that_never_wraps_never_falls(before, after, limit, elapsed):
    try:
        joules = difference_j(before, after, wrap_j=None, limit_w=limit, elapsed_s=elapsed)
    except InvalidWindow:
        assert after < before or after - before > TOLERANCE * limit * elapsed
    else:
        assert 0 <= joules == after - before


@given(st.floats(1, 1e5), st.floats(0, 1), st.floats(0, 3), st.floats(1, 500), st.floats(1e-3, 1e5))
def test_modulo_is_right_or_refused(wrap, start, rounds, limit, elapsed):
    drawn = min(rounds * wrap, limit * elapsed)
    before = start * wrap
    after = (before + drawn) % wrap
    try:
        joules = difference_j(before, after, wrap_j=wrap, limit_w=limit, elapsed_s=elapsed)
    except InvalidWindow:
        # Rounding may turn nothing drawn into a whole round.
        assert elapsed > guard_interval_s(wrap, limit) or drawn < 1e-9 * wrap
    else:
        assert joules == pytest.approx(drawn, abs=1e-6 * wrap)
