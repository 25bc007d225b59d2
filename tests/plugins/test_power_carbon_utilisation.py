"""The estimate for display: its arithmetic, its factor, and that it never passes for more."""

import pytest
from bench_power import utilisation
from bench_power.utilisation import Usage, UtilisationMeter, of_this_machine, packages, usage
from hypothesis import given
from hypothesis import strategies as st

import bench


class Machine:
    def __init__(self, cores=4):
        self.now, self.busy, self.cores = 50.0, 10.0, cores

    def meter(self, tdp_w=100.0, **options):
        read = lambda: Usage(self.busy, self.now * self.cores)  # noqa: E731 - one line says it
        return UtilisationMeter(tdp_w, read=read, clock=lambda: self.now, **options)

    def run(self, seconds, utilisation):
        self.now += seconds
        self.busy += seconds * self.cores * utilisation


@given(st.floats(1, 1e4), st.floats(0, 1), st.floats(5, 400), st.integers(1, 8))
def test_power_is_a_line_between_idle_and_full(seconds, utilisation, tdp_w, n_packages):
    machine = Machine()
    meter = machine.meter(tdp_w, n_packages=n_packages)
    token = meter.start()
    machine.run(seconds, utilisation)
    reading = meter.stop(token)
    assert reading.value == pytest.approx(n_packages * tdp_w * (0.12 + 0.9 * utilisation) * seconds, rel=1e-6)
    assert (reading.high / reading.value, reading.value / reading.low) == pytest.approx((2.3, 2.3))


def test_it_is_an_estimate_for_display():
    machine = Machine()
    token = machine.meter().start()
    machine.run(10, 0.5)
    reading = machine.meter(virtual=True).stop(token)
    assert (reading.class_, reading.facts["kind"], reading.facts["for"]) == ("estimated", "utilisation", "display")
    assert reading.verdict == "suspect" and "virtual machine" in reading.reasons[0]
    assert reading.facts["coefficients"]["tdp_source"] == "given"
    for name in ("meter_version", "domains", "window_s", "n_windows", "n_invalid"):
        assert name in reading.facts
    assert bench.Reading.from_json(reading.to_json()) == reading


def test_the_design_power_is_looked_up():
    machine = Machine()
    meter = machine.meter(None, processor="AMD EPYC 7763 64-Core Processor")
    assert meter.available() is None
    token = meter.start()
    machine.run(10, 1.0)
    reading = meter.stop(token)
    assert reading.value == pytest.approx(280 * 1.02 * 10)
    assert "codecarbon" in reading.facts["coefficients"]["tdp_source"]


def test_an_unknown_processor_is_unavailable():
    machine = Machine()
    meter = machine.meter(None, processor="Quantum 9000")
    assert "give tdp_w" in meter.available()
    token = meter.start()
    machine.run(10, 1.0)
    assert (meter.stop(token).class_, meter.stop(token).value) == ("unavailable", None)


def test_an_account_that_stood_still_is_unavailable():
    machine = Machine()
    meter = machine.meter()
    assert "shorter than the system's account" in meter.stop(meter.start()).reason


def test_packages_are_counted(tmp_path):
    for core, package in enumerate("0011"):
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{package}\n")
    assert packages(tmp_path) == 2
    assert packages(tmp_path / "nothing") == 1


def test_the_account_of_this_machine():
    seen = usage()
    assert 0 < seen.busy_s < seen.total_s


CPUINFO = """processor : 0
model name\t: AMD EPYC 7763 64-Core Processor
flags\t\t: fpu vme hypervisor lahf_lm
"""


@pytest.mark.parametrize(("text", "verdict"), [(CPUINFO, "suspect"), (CPUINFO.replace(" hypervisor", ""), "valid")])
def test_this_machine_is_known_by_its_processor(monkeypatch, text, verdict):
    monkeypatch.setattr(utilisation, "_cpuinfo", lambda: text)
    meter = of_this_machine()
    assert meter.available() is None
    token = meter.start()
    while usage().total_s <= token.usage.total_s:
        pass
    reading = meter.stop(token)
    assert reading.facts["coefficients"]["tdp_w"] == 280
    assert reading.verdict == verdict
