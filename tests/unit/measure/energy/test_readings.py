"""What stands in a reading: provenance, parts of the uncertainty, shares; and the length a precision takes."""

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.energy import (
    CounterMeter,
    EnergySource,
    Load,
    ProcLoad,
    SystemClock,
    Traits,
    by_share,
    per_inference,
    whole_inferences,
    window_for,
)
from bench.measure.energy.clock import Instant, jump_s
from bench.measure.energy.sharing import shares
from bench.measure.energy.uncertainty import stated
from bench.reading import ENERGY_PROVENANCE, Reading

FACTS = {"kind", "meter_version", "domains", "by_domain", "period_s", "window_s", "n_windows", "n_invalid"}


@pytest.fixture
def machine(sim):
    """A package of 120 W and memory of 120 W on one clock, a platform beside them."""
    clock = sim.VirtualClock(50.0)
    sources = [
        sim.VirtualCounter(clock, sim.Step(0.0), 0.001, phase_s=phase, name=domain, domain=domain)
        for domain, phase in (("package", 0.0), ("dram", 0.0003), ("platform", 0.0006))
    ]
    return CounterMeter(
        sources, name="m", version="7", clock=clock, load=sim.NoLoad(), headline=("package", "dram")
    ), clock  # fmt: skip


def test_a_reading_carries_everything(machine):
    meter, clock = machine
    token = meter.start()
    clock.sleep_s(2.0)
    reading = meter.stop(token)
    assert set(reading.facts) == FACTS | {"share", "steal", "uncertainty"}
    assert set(ENERGY_PROVENANCE) - {"meter"} <= set(reading.facts)
    assert (reading.meter, reading.facts["meter_version"], reading.facts["kind"]) == ("m", "7", "counter")
    assert reading.facts["domains"] == ["package", "dram"]
    assert set(reading.facts["by_domain"]) == {"package", "dram", "platform"}
    assert reading.value == pytest.approx(240 * reading.facts["window_s"], rel=1e-3)
    parts = dict(reading.facts["uncertainty"])
    assert parts.pop("total_j") == pytest.approx(sum(parts.values()))
    assert reading.high - reading.value == pytest.approx(reading.facts["uncertainty"]["total_j"])
    assert Reading.from_json(reading.to_json()) == reading


def test_a_counter_that_stops_in_the_window_gives_no_zero(machine):
    meter, clock = machine
    token = meter.start()
    stands = meter.sources[0].shown_j(clock.now_s())
    meter.sources[0].shown_j = lambda at: stands
    clock.sleep_s(0.5)
    reading = meter.stop(token)
    assert (reading.value, reading.verdict) == (None, "invalid")
    assert "did not move" in reading.reason


def test_a_counter_beside_the_headline_that_stands_still_costs_nothing(machine):
    meter, clock = machine
    meter.sources[2].shown_j = lambda at: 0.0
    token = meter.start()
    clock.sleep_s(0.5)
    reading = meter.stop(token)
    assert set(reading.facts["by_domain"]) == {"package", "dram"}
    assert reading.verdict == "valid"


def test_aligning_says_how_well_edges_are_seen(machine):
    meter, _ = machine
    assert meter.align() <= 2.2e-4


def test_windows_may_overlap(machine):
    meter, clock = machine
    outer = meter.start()
    clock.sleep_s(1.0)
    inner = meter.start()
    clock.sleep_s(1.0)
    first = meter.stop(outer)
    clock.sleep_s(1.0)
    second = meter.stop(inner)
    for reading in (first, second):
        assert reading.value == pytest.approx(480, rel=0.02)


def test_joules_of_one_inference(machine):
    meter, clock = machine
    waited = []

    def synchronize():
        waited.append(clock.sleep_s(0.1))

    reading = whole_inferences(
        meter, lambda: clock.sleep_s(0.03), seconds=1.0, clock=clock, synchronize=synchronize
    )  # fmt: skip
    assert waited, "the device is waited for inside the window"
    n, busy_s = reading.facts["inferences"], reading.facts["busy_s"]
    assert n == 34
    assert reading.value == pytest.approx(240 * busy_s / n, rel=1e-3)
    assert reading.low < reading.value < reading.high
    assert sum(reading.facts["by_domain"].values()) == pytest.approx(1.5 * reading.value, rel=1e-3)


def test_per_inference_keeps_what_is_missing_and_refuses_nonsense():
    missing = Reading.missing("J", "no counter")
    assert per_inference(missing, busy_s=1.0, n=1) is missing
    for busy_s, n in ((1.0, 0), (0.0, 3)):
        with pytest.raises(ValueError, match="at least one"):
            per_inference(missing, busy_s=busy_s, n=n)


def test_a_meter_without_headline_counters_has_nothing(sim):
    meter = CounterMeter([], name="m", version="1", clock=sim.VirtualClock())
    assert "no counter" in meter.available()
    assert meter.stop(meter.start()).value is None
    assert meter.guard_s() == math.inf


def test_a_failing_counter_is_not_available(machine):
    meter, _ = machine
    assert meter.available() is None

    def fails():
        raise OSError("gone")

    meter.sources[1].read_j = fails
    assert meter.available() == "dram cannot be read: gone"


def test_the_bound_is_the_formula():
    traits = Traits(peak_w=200.0, floor_w=20.0, quantum_j=0.001, calibration=0.01)
    found = stated(traits, joules=500.0, brackets_s=2e-4, period_s=0.1, stray_s=0.05, gaps_j=3.0)
    assert found.edges_j == pytest.approx(2e-4 * 200)
    assert found.quantum_j == pytest.approx(0.002)
    assert found.ripple_j == pytest.approx(0.1 * 180)
    assert (found.gaps_j, found.calibration_j) == (3.0, pytest.approx(5.0))
    assert found.total_j == pytest.approx(0.04 + 0.002 + 18 + 3 + 5)
    assert stated(traits, joules=0, brackets_s=0, period_s=0.1, stray_s=0.3).ripple_j == pytest.approx(0.3 * 180)


def test_the_length_a_precision_takes_is_just_enough():
    traits = Traits(peak_w=200.0, floor_w=0.0, quantum_j=6e-5, calibration=0.002)
    seconds = window_for(0.01, traits, mean_w=50.0, period_s=0.001, brackets_s=1e-4)
    bound = stated(traits, joules=50.0 * seconds, brackets_s=1e-4, period_s=0.001, stray_s=0.0)
    assert bound.total_j / (50.0 * seconds) == pytest.approx(0.01)
    assert window_for(0.001, traits, mean_w=50.0, period_s=0.001, brackets_s=0) == math.inf


def test_window_s_keeps_its_promise(machine):
    meter, clock = machine
    seconds = meter.window_s(0.01, mean_w=120.0)
    token = meter.start()
    clock.sleep_s(seconds * 1.02)
    reading = meter.stop(token)
    assert reading.facts["uncertainty"]["total_j"] / reading.value <= 0.0105


def test_sources_are_sources(machine):
    meter, _ = machine
    assert isinstance(meter.sources[0], EnergySource)


def load(busy_s, own_s, stolen_s=0.0, total_s=100.0):
    return Load(busy_s, stolen_s, total_s, own_s)


def test_shares():
    found = shares(load(10, 5, 1, 100), load(20, 14, 3, 120))
    assert found == pytest.approx({"share": 0.9, "steal": 0.1})
    brief = shares(load(0, 0), load(0.1, 0.08))
    assert (brief["share"], brief["share_low"], brief["share_high"]) == (None, pytest.approx(2 / 3), 1.0)
    crowd = shares(load(0, 0), load(0.4, 0.1))
    assert (crowd["share_low"], crowd["share_high"]) == (pytest.approx(0.1 / 0.42), pytest.approx(0.1 / 0.38))
    assert "share_low" in shares(load(0, 0), load(0, 0.008)), "a tick may have been missed"
    assert shares(None, load(1, 1)) == {"share": None, "steal": None}
    assert shares(load(1, 1), load(1, 1)) == {"share": None, "steal": None}


@pytest.mark.parametrize(("share", "class_"), [(1.0, "measured"), (0.985, "measured"), (None, "measured"),
                                               (0.9, "derived"), (0.6, "unavailable")])  # fmt: skip
def test_what_others_did_is_not_ours(share, class_):
    reading = Reading("J", "measured", 100.0, 99.0, 101.0, 1, "m", facts={"share": share})
    ours = by_share(reading)
    assert ours.class_ == class_
    if class_ == "derived":
        assert (ours.value, ours.low, ours.high) == pytest.approx((90.0, 89.1, 101.0))
    if class_ == "unavailable":
        assert ours.value is None
        assert "40%" in ours.reason


def test_proc_stat_is_read_and_its_absence_is_none(tmp_path):
    tick = 1 / os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text("cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3\n")
    found = ProcLoad(tmp_path).read()
    assert found.busy_s == pytest.approx(163 * tick)
    assert found.total_s == pytest.approx((163 + 450 + 8) * tick)
    assert found.stolen_s == pytest.approx(8 * tick)
    assert ProcLoad(tmp_path / "absent").read() is None
    (tmp_path / "stat").write_text("cpu  100 x\n")
    assert ProcLoad(tmp_path).read() is None


def test_steering_is_no_suspend_and_a_suspend_is():
    first = Instant(0.0, 100.0, 0.0)
    assert jump_s(first, Instant(1000.0, 1100.4, 0.0)) == 0.0
    assert jump_s(first, Instant(10.0, 111.0, 0.0)) == pytest.approx(1.0)
    assert jump_s(first, Instant(10.0, 90.0, 0.0)) == pytest.approx(20.0)


def test_the_systems_clocks_agree():
    clock = SystemClock()
    first = Instant.of(clock)
    clock.sleep_s(0.01)
    last = Instant.of(clock)
    assert last.now_s - first.now_s >= 0.01
    assert jump_s(first, last) == 0.0


@pytest.mark.parametrize(
    ("low", "high", "class_", "interval"),
    [
        (0.6, 1.0, "derived", (59.4, 101.0)),
        (0.97, 1.0, "derived", (96.03, 101.0)),
        (0.2, 0.5, "unavailable", (None, None)),
    ],
)
def test_a_short_window_says_what_its_share_may_be(low, high, class_, interval):
    facts = {"share": None, "share_low": low, "share_high": high}
    ours = by_share(Reading("J", "measured", 100.0, 99.0, 101.0, 1, "m", facts=facts))
    assert ours.class_ == class_
    assert (ours.low, ours.high) == (interval[0] and pytest.approx(interval[0]), interval[1])
    assert ours.value == (None if class_ == "unavailable" else 100.0)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_a_share_is_a_share_whatever_the_account_says(busy, own, spare):
    found = shares(load(0, 0), load(busy, own, 0.0, busy + spare))
    ends = [found[name] for name in ("share_low", "share", "share_high") if found.get(name) is not None]
    assert ends == sorted(ends)
    assert all(0 <= each <= 1 + 1e-9 for each in ends)
