"""Joules of starting: windows where there are any, else processor seconds, else the reason."""

from typing import Any

import pytest

from bench.derive.phases import NOT_KEPT, STARTING, starting
from bench.reading import Reading, lacking
from bench.store import Launch

FACTS = {
    "kind": "counter",
    "meter_version": "1",
    "domains": ["package"],
    "by_domain": {"package": 4.0},
    "period_s": 0.001,
    "window_s": 0.1,
    "n_windows": 1,
    "n_invalid": 0,
    "share": None,
    "steal": None,
    "uncertainty": {"total_j": 0.5},
}


def joules(value: float, meter: str = "m") -> Any:
    return Reading("J", "measured", value, value - 0.5, value + 0.5, 1, meter, facts=FACTS).to_json()


def launches(*readings: Any, cpu_s: float = 0.02) -> list[Launch]:
    """Make launches whose phases took 0.1 s each; a reading of None was not metered."""
    made = []
    for each in readings:
        took = {"seconds": 0.1, "cpu_s": cpu_s, **({"energy": each} if each else {})}
        made.append(Launch({"headers": {"a": {"phases": dict.fromkeys(STARTING.values(), took)}}}, {}))
    return made


def test_measured_is_the_mean_over_launches_with_its_doubt(meter: Any) -> None:
    found = starting(launches(joules(4.0), joules(4.2), joules(3.8)), "a", meter)["energy_load"]
    assert (found.class_, found.value, found.n, found.verdict) == ("measured", pytest.approx(4.0), 3, "valid")
    assert found.low is not None
    assert found.low < 3.5
    assert (found.facts["per"], found.facts["n_windows"], found.facts["n_invalid"]) == ("load", 3, 0)
    assert lacking(found) == []


def test_lost_windows_are_counted_and_those_of_another_meter_left_out(meter: Any) -> None:
    lost = Reading.missing("J", "the counter was reset").to_json()
    found = starting(launches(joules(9.0, "old"), joules(4.0), lost), "a", meter)["energy_warm_up"]
    assert (found.value, found.n, found.facts["n_invalid"], found.verdict) == (4.0, 1, 1, "suspect")


def test_without_windows_it_is_estimated_and_says_why(meter: Any) -> None:
    lost = Reading.missing("J", "it took 5 ms").to_json()
    found = starting(launches(lost, lost), "a", meter)["energy_load"]
    assert (found.class_, found.value, found.low, found.high) == ("estimated", 0.08, 0.04, 0.16)
    assert (found.facts["not_measured"], found.facts["cpu_s"]) == ("it took 5 ms", 0.02)
    assert lacking(found) == []
    assert "not_measured" not in starting(launches(None), "a", meter)["energy_load"].facts


def test_what_is_not_known_has_its_reason(meter: Any) -> None:
    old = [Launch({"headers": {"a": {"load_ns": 5}}}, {})]
    assert starting(old, "a", meter)["energy_load"].reason == NOT_KEPT
    assert "did not advance" in str(starting(launches(None, cpu_s=0.0), "a", meter)["energy_load"].reason)
    assert "no energy meter" in str(starting(launches(None), "a", None)["energy_load"].reason)
