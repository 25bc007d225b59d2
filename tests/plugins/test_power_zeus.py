"""zeus's device layer, played by a stub with its documented interface: what is taken, what is left, what it says."""

import sys
import types
from dataclasses import dataclass, field

import pytest
from bench_power import zeus
from bench_power.zeus import ZeusMeter, ZeusPower, energy_sources, power_sources


class ZeusBaseError(Exception):
    pass


@dataclass
class Clock:
    now: float = 500.0

    def now_s(self):
        self.now += 2e-5
        return self.now

    def wall_s(self):
        return self.now

    def sleep_s(self, seconds):
        self.now += seconds


@dataclass
class Counter:
    """Millijoules of a constant power, refreshed every `tau_s`."""

    clock: Clock
    watts: float
    tau_s: float = 0.01

    def mj(self):
        return int(self.clock.now / self.tau_s) * self.tau_s * self.watts * 1e3


@dataclass
class Cards:
    counters: list
    counts: bool = True
    lost: bool = False

    def __len__(self):
        return len(self.counters)

    def get_name(self, index):
        return "Radeon"

    def supports_get_total_energy_consumption(self, index):
        return self.counts

    def get_total_energy_consumption(self, index):
        if self.lost:
            raise ZeusBaseError("card lost")
        return int(self.counters[index].mj())

    def get_instant_power_usage(self, index):
        return self.counters[index].watts * 1e3


@dataclass
class Processor:
    name: str
    package: Counter
    dram: Counter | None = None

    @property
    def rapl_file(self):
        return types.SimpleNamespace(name=self.name)

    def supports_get_dram_energy_consumption(self):
        return self.dram is not None

    def get_total_energy_consumption(self):
        return types.SimpleNamespace(cpu_mj=self.package.mj(), dram_mj=self.dram and self.dram.mj())


@dataclass
class AppleSilicon:
    counter: Counter

    def get_available_metrics(self):
        return {"cpu_total_mj", "gpu_mj", "dram_mj", "performance_cores_mj"}

    def get_total_energy_consumption(self):
        mj = self.counter.mj()
        return types.SimpleNamespace(cpu_total_mj=mj, gpu_mj=mj, dram_mj=mj, performance_cores_mj=[mj])


@dataclass
class Machine:
    """What `zeus.device` shows; a kind that is missing raises, as zeus does."""

    clock: Clock = field(default_factory=Clock)
    parts: dict = field(default_factory=dict)

    def counter(self, watts):
        return Counter(self.clock, watts)

    def has(self, **parts):
        self.parts.update(parts)

    def get(self, kind):
        if kind not in self.parts:
            raise ZeusBaseError(f"no {kind}")
        return self.parts[kind]


@pytest.fixture
def machine(monkeypatch):
    shown = Machine()
    package = types.ModuleType("zeus")
    package.exception = types.SimpleNamespace(ZeusBaseError=ZeusBaseError)
    package.device = types.SimpleNamespace(
        get_gpus=lambda: shown.get("gpu"), get_cpus=lambda: shown.get("cpu"), get_soc=lambda: shown.get("soc")
    )
    monkeypatch.setitem(sys.modules, "zeus", package)
    monkeypatch.setattr(zeus.metadata, "version", lambda name: "0.16.0")
    return shown


def test_a_card_that_cannot_say_whether_it_counts_is_no_reading(machine, monkeypatch):
    def lost(self, index):
        raise ZeusBaseError("Function Not Found")

    monkeypatch.setattr(Cards, "supports_get_total_energy_consumption", lost)
    machine.has(gpu=Cards([machine.counter(250.0)]))
    assert ZeusMeter().available() == "zeus: Function Not Found"


def window(meter, clock, seconds=10.0):
    token = meter.start()
    clock.sleep_s(seconds)
    return meter.stop(token)


def test_cards_are_counted(machine):
    machine.has(gpu=Cards([machine.counter(200.0), machine.counter(50.0)]))
    meter = ZeusMeter(clock=machine.clock)
    assert meter.available() is None
    reading = window(meter, machine.clock)
    assert reading.value / reading.facts["window_s"] == pytest.approx(250, rel=1e-3)
    assert (reading.class_, reading.facts["kind"], reading.meter) == ("measured", "counter", "zeus")
    assert reading.facts["domains"] == ["gpu:0", "gpu:1"]
    assert reading.facts["meter_version"] == "zeus 0.16.0"
    assert reading.facts["share"] is None


def test_the_platform_is_no_processor(machine):
    processors = [
        Processor("package-0", machine.counter(50.0), machine.counter(5.0)),
        Processor("psys", machine.counter(80.0)),
    ]
    machine.has(cpu=types.SimpleNamespace(cpus=processors))
    reading = window(ZeusMeter(clock=machine.clock), machine.clock)
    assert reading.value / reading.facts["window_s"] == pytest.approx(55, rel=1e-3)
    assert set(reading.facts["by_domain"]) == {"package", "dram"}


def test_a_zone_without_a_name_might_be_the_platform(machine, monkeypatch):
    nameless = types.SimpleNamespace(
        get_total_energy_consumption=lambda: types.SimpleNamespace(cpu_mj=1.0),
        supports_get_dram_energy_consumption=lambda: False,
    )
    machine.has(cpu=types.SimpleNamespace(cpus=[nameless]))
    monkeypatch.setattr(sys, "platform", "linux")
    assert energy_sources() == []
    monkeypatch.setattr(sys, "platform", "win32")  # Windows lists packages alone
    assert [each.domain for each in energy_sources()] == ["package"]


def test_an_apple_chips_parts_do_not_overlap(machine):
    machine.has(soc=AppleSilicon(machine.counter(4.0)))
    reading = window(ZeusMeter(clock=machine.clock), machine.clock)
    assert set(reading.facts["by_domain"]) == {"cpu", "gpu:0", "dram"}
    assert reading.value / reading.facts["window_s"] == pytest.approx(12, rel=1e-3)


def test_another_soc_is_left_to_its_own_meter(machine):
    machine.has(soc=types.SimpleNamespace(get_available_metrics=lambda: {"cpu_total_mj"}))
    assert energy_sources() == []


def test_one_kind_of_device_can_be_asked_for(machine):
    machine.has(
        gpu=Cards([machine.counter(200.0)]),
        cpu=types.SimpleNamespace(cpus=[Processor("package-0", machine.counter(50.0))]),
    )
    assert [each.domain for each in energy_sources()] == ["package", "gpu:0"]
    assert [each.domain for each in energy_sources("cpu")] == ["package"]
    assert [each.domain for each in energy_sources("gpu")] == ["gpu:0"]


def test_cards_that_only_tell_power_are_sampled(machine):
    machine.has(gpu=Cards([machine.counter(120.0)], counts=False))
    assert energy_sources() == []
    assert power_sources() == [ZeusPower(0, "Radeon (0)")]
    assert power_sources()[0].read_w() == pytest.approx(120)
    meter = ZeusMeter()
    assert meter.available() is None
    assert type(meter.meter()).__name__ == "SampledMeter"


def test_a_failed_read_makes_an_invalid_window(machine):
    cards = Cards([machine.counter(200.0)])
    machine.has(gpu=cards)
    meter = ZeusMeter(clock=machine.clock)
    token = meter.start()
    cards.lost = True
    reading = meter.stop(token)
    assert reading.class_ == "unavailable"
    assert "card lost" in reading.reason


def test_it_says_what_is_missing(machine, monkeypatch):
    assert "finds no device" in ZeusMeter().available()
    monkeypatch.setitem(sys.modules, "zeus", None)
    assert "pip install zeus" in ZeusMeter().available()
