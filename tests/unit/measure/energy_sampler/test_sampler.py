"""The sampler's process: it samples, answers and never outlives its window."""

import subprocess
import sys
import time

import pytest

from bench.errors import BenchError
from bench.measure.energy import polling
from bench.measure.energy.sampler import SampledMeter

SENSOR = """
import os
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Sensor:
    log: str
    watts: float = 7.0
    fails_after: int = 1_000_000
    dies_after: int = 1_000_000
    name: str = "sensor"
    domain: str = "board"
    power_limit_w: float = 100.0

    def read_w(self):
        with open(self.log, "a") as log:
            log.write(".")
        seen = Path(self.log).stat().st_size
        if seen > self.dies_after:
            os._exit(1)
        if seen > self.fails_after:
            raise OSError("gone")
        return self.watts
"""


@pytest.fixture
def sensor(tmp_path, monkeypatch):
    (tmp_path / "sensor_of_test.py").write_text(SENSOR)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sensor_of_test", raising=False)
    from sensor_of_test import Sensor  # written a moment ago

    log = tmp_path / "log"
    log.touch()
    yield lambda **options: Sensor(str(log), **options)
    sys.modules.pop("sensor_of_test", None)


def window(source, reads=16):
    """Open a window, close it after so many reads."""
    from pathlib import Path

    meter = SampledMeter([source], name="board", version="1", rate_hz=5.0)
    token = meter.start()
    until = time.monotonic() + 60
    while Path(source.log).stat().st_size < reads and token.process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    return token, meter.stop(token)


def test_a_real_window_of_constant_power(sensor):
    token, reading = window(sensor())
    assert reading.value == pytest.approx(7.0 * reading.facts["window_s"], rel=1e-9), reading.reason
    assert token.process.returncode == 0
    assert reading.facts["sampling"]["n"] >= 14
    assert reading.facts["sampling"]["cpu_s"] > 0
    assert reading.facts["domains"] == ["board"]


def test_a_failed_read_makes_the_window_invalid(sensor):
    _, reading = window(sensor(fails_after=6))
    assert reading.class_ == "unavailable"
    assert "a read of sensor failed" in reading.reason


def test_a_sampler_that_dies_makes_the_window_invalid(sensor):
    _, reading = window(sensor(dies_after=8))
    assert "ended without an answer" in reading.reason


def test_a_sampler_that_dies_at_once_says_so(sensor):
    _, reading = window(sensor(dies_after=0))
    assert "ended before its first sample" in reading.reason


def test_a_sensor_that_cannot_travel_says_so(sensor, monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "test_a_sensor" not in each])
    _, reading = window(sensor())
    assert "cannot be opened in a process of its own" in reading.reason


def test_a_sampler_ends_with_its_parent(sensor):
    with subprocess.Popen(
        [sys.executable, "-m", "bench.measure.energy.polling"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(polling.orders([sensor()], 0.1, 0))
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()  # as the kernel does when the parent dies
        assert process.wait(30) == 0


def test_availability_is_a_read(sensor):
    assert SampledMeter([sensor()], name="board", version="1").available() is None
    assert "sensor cannot be read: gone" in SampledMeter([sensor(fails_after=0)], name="b", version="1").available()
    assert "no power sensor" in SampledMeter([], name="board", version="1").available()


@pytest.mark.parametrize("rate_hz", [0, -1, 21])
def test_no_more_than_twenty_samples_a_second(rate_hz):
    with pytest.raises(BenchError, match="between 0 and 20"):
        SampledMeter([], name="board", version="1", rate_hz=rate_hz)


def test_a_tighter_wish_takes_a_longer_window():
    meter = SampledMeter([], name="board", version="1")
    assert meter.window_s(0.1) == 30.0
    assert meter.window_s(0.01) == pytest.approx(345.7, abs=1)
    assert meter.period_s() == pytest.approx(0.1)
