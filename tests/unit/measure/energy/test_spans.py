"""Windows around work that does not call back: a meter's failure costs the joules, a failure of the work is its own."""

import threading
import time
from typing import Any

import pytest

from bench.measure.energy import around
from bench.reading import Reading

FACTS = {
    "kind": "counter",
    "meter_version": "1",
    "domains": ["package"],
    "by_domain": {"package": 10.0},
    "period_s": 0.001,
    "window_s": 2.0,
    "n_windows": 1,
    "n_invalid": 0,
    "share": None,
    "steal": None,
    "uncertainty": {"total_j": 1.0},
}


class Meter:
    """Five watts for two seconds, whatever the clock says."""

    def __init__(self, fails: str = "", share: float | None = None) -> None:
        self.fails, self.share, self.closed, self.guards = fails, share, 0, 0
        self.guarded = threading.Event()

    def start(self) -> int:
        self._fail("start")
        return 0

    def guard(self, token: int) -> int:
        self.guards += 1
        if self.guards >= 2 or self.fails == "guard":
            self.guarded.set()
        self._fail("guard")
        return token + 1

    def stop(self, token: int) -> Reading:
        self.closed += 1
        self._fail("stop")
        return Reading("J", "measured", 10.0, 9.0, 11.0, 1, "m", facts={**FACTS, "share": self.share, "token": token})

    def _fail(self, where: str) -> None:
        if self.fails == where:
            raise RuntimeError("the cable fell out")


def nap() -> str:
    time.sleep(0.05)
    return "done"


def test_joules_are_mean_power_times_the_seconds_of_the_work() -> None:
    took = around(Meter(), nap, per="step")
    assert took.result == "done"
    assert took.seconds >= 0.05
    assert took.energy is not None
    assert took.energy.value == pytest.approx(5.0 * took.seconds)
    assert (took.energy.low, took.energy.high) == (pytest.approx(4.5 * took.seconds), pytest.approx(5.5 * took.seconds))
    assert (took.energy.facts["per"], took.energy.facts["busy_s"]) == ("step", took.seconds)
    assert took.energy.facts["by_domain"] == {"package": took.energy.value}


def test_without_a_meter_only_clocks_are_read() -> None:
    took = around(None, lambda: sum(range(100_000)), per="step")
    assert took.energy is None
    assert took.cpu_s > 0


def test_the_counter_is_read_while_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.energy.spans.GUARD_S", 0.001)
    meter = Meter()
    took = around(meter, lambda: meter.guarded.wait(10), per="step")
    assert took.energy is not None
    assert took.energy.facts["token"] == meter.guards >= 2


@pytest.mark.parametrize("fails", ["start", "guard", "stop"])
def test_a_meter_that_fails_costs_the_joules_only(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.energy.spans.GUARD_S", 0.001)
    meter = Meter(fails)
    took = around(meter, lambda: meter.guarded.wait(10 if fails == "guard" else 0) or "done", per="step")
    assert took.result
    assert took.energy is not None
    assert (took.energy.class_, "the cable fell out" in str(took.energy.reason)) == ("unavailable", True)


def test_work_that_fails_closes_the_window() -> None:
    meter = Meter()
    with pytest.raises(ZeroDivisionError):
        around(meter, lambda: 1 / 0, per="step")
    assert meter.closed == 1


@pytest.mark.parametrize(("share", "class_"), [(0.99, "measured"), (0.8, "derived"), (0.5, "unavailable")])
def test_others_work_is_not_charged(share: float, class_: Any) -> None:
    took = around(Meter(share=share), nap, per="step")
    assert took.energy is not None
    assert took.energy.class_ == class_
    if class_ == "derived":
        assert took.energy.value == pytest.approx(0.8 * 5.0 * took.seconds)
