"""The estimator for machines with nothing to read: its arithmetic, its provenance, its honesty."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import bench_power
import psutil
import pytest
from bench_power import CpuSeconds
from bench_power.cpu_seconds import CpuSecondsMeter, tree_cpu_seconds
from hypothesis import given
from hypothesis import strategies as st

import bench

REQUIRED = ("kind", "meter_version", "domains", "window_s", "n_windows", "n_invalid")


class Machine:
    """A clock and a CPU account that only move when told."""

    def __init__(self):
        self.now = self.cpu = 100.0

    def meter(self, watts=3.5):
        return CpuSecondsMeter(watts, cpu_seconds=lambda: self.cpu, clock=lambda: self.now)

    def work(self, cpu_s, wall_s):
        self.cpu, self.now = self.cpu + cpu_s, self.now + wall_s


@given(st.floats(1e-4, 1e4), st.floats(0.1, 100), st.floats(1e-3, 1e4))
def test_joules_are_cpu_seconds_times_watts_within_the_factor(cpu_s, watts, wall_s):
    machine = Machine()
    meter = machine.meter(watts)
    token = meter.start()
    machine.work(cpu_s, wall_s)
    reading = meter.stop(token)
    assert reading.value == pytest.approx(cpu_s * watts, rel=1e-6)
    assert reading.high / reading.value == pytest.approx(3.0)
    assert reading.value / reading.low == pytest.approx(3.0)
    assert reading.facts["window_s"] == pytest.approx(wall_s, rel=1e-6)


def test_windows_may_overlap():
    machine = Machine()
    meter = machine.meter(1.0)
    outer = meter.start()
    machine.work(1, 1)
    inner = meter.start()
    machine.work(2, 2)
    assert meter.stop(outer).value == pytest.approx(3)
    machine.work(4, 4)
    assert meter.stop(inner).value == pytest.approx(6)


def test_every_joule_names_its_class_and_coefficients():
    machine = Machine()
    token = machine.meter().start()
    machine.work(2, 4)
    reading = machine.meter().stop(token)
    assert (reading.class_, reading.unit, reading.meter) == ("estimated", "J", "cpu-seconds")
    assert set(REQUIRED) <= set(reading.facts)
    coefficients = reading.facts["coefficients"]
    assert (coefficients["watts_per_cpu"], coefficients["factor"]) == (3.5, 3.0)
    assert "Cloud Carbon Footprint" in coefficients["source"]
    assert bench.Reading.from_json(reading.to_json()) == reading


@pytest.mark.parametrize("cpu_s", [0.0, -0.01])
def test_no_cpu_time_is_unavailable_not_zero(cpu_s):
    machine = Machine()
    meter = machine.meter()
    token = meter.start()
    machine.work(cpu_s, 1)
    reading = meter.stop(token)
    assert (reading.class_, reading.value) == ("unavailable", None)


def test_the_offer_carries_the_coefficients():
    (offer,) = (each for each in bench.offers_of(bench_power, "meter") if each.name == "cpu-seconds")
    assert offer.facts["class"] == "estimated"
    assert (offer.facts["watts_per_cpu"], offer.facts["factor"]) == (3.5, 3.0)
    assert {"kind", "domains", "source"} <= set(offer.facts)
    assert offer.option("watts_per_cpu").default == offer.facts["watts_per_cpu"]
    assert offer.option("watts_per_cpu").bounds.breach(0) == "greater than 0"


class Child:
    """A living child, or one that ended while it was looked at."""

    def __init__(self, gone=False):
        self.gone = gone

    def cpu_times(self):
        if self.gone:
            raise psutil.NoSuchProcess(1)
        return SimpleNamespace(user=0.5, system=0.25, children_user=0.125, children_system=1.0)


def test_the_tree_is_this_process_its_ended_and_its_living_children(monkeypatch):
    children = [Child(), Child(gone=True), Child()]
    monkeypatch.setattr("time.process_time", lambda: 10.0)
    monkeypatch.setattr("os.times", lambda: os.times_result((9.0, 9.0, 100.0, 1000.0, 1e6)))
    monkeypatch.setattr("psutil.Process", lambda: SimpleNamespace(children=lambda recursive: children))
    assert tree_cpu_seconds() == 10.0 + 1100.0 + 2 * 1.875


def test_it_reads_this_process():
    """At least what this process says of itself between the same two moments."""
    meter = CpuSeconds(watts_per_cpu=10.0)
    assert meter.available() is None
    token, began = meter.start(), time.process_time()
    sum(range(200_000))
    own = time.process_time() - began
    assert meter.stop(token).value >= 10.0 * own > 0


def test_children_count_while_they_live_and_after():
    """As much as the child says of itself; its account is kept in ticks of 10 ms, user and system apart."""
    spin = "import time, sys\nwhile time.process_time() < 0.1: pass\n"
    spin += "print(time.process_time(), flush=True)\nsys.stdin.read()"
    before = tree_cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        said = float(child.stdout.readline())
        alive = tree_cpu_seconds() - before
        child.stdin.close()
    assert alive >= said - 0.02
    assert tree_cpu_seconds() - before >= alive - 0.02, "what an ended child spent stays in the account"
