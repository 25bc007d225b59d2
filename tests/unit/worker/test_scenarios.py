"""Issuing queries in a worker, to a session whose calls take known times on a virtual clock."""

import types
from typing import Any

import numpy as np
import pytest

from bench.errors import PluginError, Unsupported
from bench.measure.scenarios import VirtualClock
from bench.worker.measuring import Measuring
from bench.worker.meters import Meters
from bench.worker.scenarios import Scenarios

SERVICE = 1_000_000


@pytest.fixture
def scenarios(monkeypatch: pytest.MonkeyPatch) -> Scenarios:
    monkeypatch.setattr("bench.measure.placement.pin", lambda core: None)
    measuring = Measuring(Meters())
    made = Scenarios(measuring)
    clock = VirtualClock()
    made.clock = clock  # type: ignore[assignment]

    def call() -> np.ndarray[Any, Any]:
        clock.work(SERVICE)
        return np.zeros(1)

    measuring.call, measuring.session = call, types.SimpleNamespace()  # type: ignore[assignment]
    return made


def test_multi_stream_is_one_query_after_another(scenarios: Scenarios) -> None:
    found = scenarios.issue(scenario="multi-stream", core=None, queries=3)
    assert found.arrays["latencies"].tolist() == [SERVICE] * 3
    assert found.data["duration_ns"] == 3 * SERVICE


def test_offline_is_one_query_of_many_calls(scenarios: Scenarios) -> None:
    found = scenarios.issue(scenario="offline", core=None, calls=5)
    assert found.arrays["latencies"].tolist() == [5 * SERVICE]


def test_a_server_is_asked_whether_it_answers_or_not(scenarios: Scenarios) -> None:
    found = scenarios.issue(scenario="server", core=None, queries=2000, rate=900.0, seed=1)
    latencies = found.arrays["latencies"]
    assert latencies.min() == SERVICE
    assert np.quantile(latencies, 0.99) > 5 * SERVICE
    again = scenarios.issue(scenario="server", core=None, queries=2000, rate=900.0, seed=1)
    assert (again.arrays["latencies"] == latencies).all()


def search(scenarios: Scenarios, **changed: Any) -> Any:
    known = {"bound_s": 0.005, "confidence": 0.99, "queries": 700, "seconds": 0.5, "start": 300.0, "step": 1.25}
    more = {"within": [50.0, 1500.0], "resolution": 0.05, "most": 12, "batch": 1, "seed": 3, "core": None}
    return scenarios.highest(**{**known, **more, **changed})


def test_the_highest_rate_is_bracketed(scenarios: Scenarios) -> None:
    found = search(scenarios)
    assert 300 < found["passed"] < found["failed"] <= found["passed"] * 1.05 * (1 + 1e-9)
    assert found["failed"] < 1000  # beyond what it can serve at all
    for rate, n, over in found["tried"]:
        assert n >= 700
        assert (rate <= found["passed"]) == (over == 0 or n > 459 * (1 + over))


def test_a_burst_does_not_pass_for_a_rate(scenarios: Scenarios) -> None:
    """Twice the capacity for 700 queries leaves the last waiting 0.35 s: within a bound of 1 s, and no rate to keep."""
    found = search(scenarios, bound_s=1.0, seconds=20.0)
    assert found["passed"] < 1060


def test_a_bound_below_the_call_is_kept_at_no_rate(scenarios: Scenarios) -> None:
    found = search(scenarios, bound_s=0.0005)
    assert (found["passed"], found["failed"]) == (None, 50.0)


def test_a_larger_batch_serves_more(scenarios: Scenarios) -> None:
    assert search(scenarios, batch=4, within=[50.0, 6000.0])["passed"] > 2 * search(scenarios)["passed"]


def test_without_a_session_there_is_nothing_to_ask(scenarios: Scenarios) -> None:
    scenarios._measuring.call = None
    with pytest.raises(PluginError, match="no session"):
        scenarios.issue(scenario="offline", core=None)


def test_calls_elsewhere_are_single_stream_only(scenarios: Scenarios) -> None:
    timed = types.SimpleNamespace(clock="theirs", time_calls=lambda call, n: ([], None))
    scenarios._measuring.session = timed  # type: ignore[assignment]
    with pytest.raises(Unsupported, match="single-stream"):
        scenarios.issue(scenario="offline", core=None)
