"""Readings and ratios of scenarios, from launches of queries whose truth is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.derive import Stop, derive_comparison
from bench.measure.scenarios import VirtualClock, on_arrival, one_by_one, poisson
from bench.store import Launch
from bench.suite.cell import Cell

NS = {"base": 1_000_000, "small": 500_000}
COUNT = 8


def served(ns: int, rate: float, seed: int) -> tuple[Any, int]:
    clock = VirtualClock()
    found = on_arrival(lambda: clock.work(ns), poisson(rate, 1000, seed), clock)
    return found.latencies, found.duration_ns


def issued(made: list[Launch], scenario: str, *, rate: float = 800.0, highest: Any = None) -> list[Launch]:
    """Return the launches with the queries of a scenario, each side taking its NS a call."""
    out = []
    for index, each in enumerate(made):
        plan: dict[str, Any] = {"name": scenario, "rounds": 1, "confidence": 0.99, "asked": 2627, "queries": 1000}
        queries, durations = {}, {}
        for side, ns in NS.items():
            if scenario == "server":
                plan["rate"] = rate
                latencies, duration = served(ns, rate, index)
            elif scenario == "offline":
                plan |= {"calls": 100, "samples": 400, "rounds": 3}
                latencies, duration = np.full(3, 100 * ns), 100 * ns
            else:
                clock = VirtualClock()
                found = one_by_one(lambda clock=clock, ns=ns: clock.work(8 * ns), 1000, clock)
                latencies, duration = found.latencies, found.duration_ns
            queries[side] = latencies.reshape(plan["rounds"], -1)
            durations[side] = [duration] * plan["rounds"]
        found = {
            "plan": plan,
            "durations_ns": durations,
            "seconds": 1.0,
            **({"highest": highest(index)} if highest else {}),
        }
        out.append(replace(each, meta={**each.meta, "scenario": found}, queries=queries))
    return out


@pytest.fixture
def derived(make: Callable[..., Any]) -> Callable[..., Any]:
    def run(scenario: str, batch: int = 1, count: int = COUNT, **options: Any) -> Any:
        more = {key: options.pop(key) for key in ("highest",) if key in options}
        launches = issued(make(count), scenario, rate=options.get("rate", 800.0), **more)
        cell = Cell("s", "t", (), "b", scenario=scenario, scenario_options=options, batch=batch)
        known = {"threads": 1, "batch": cell.query_samples, "stop": Stop(0.02), "meter": None}
        return derive_comparison(launches, "base", "base-record", scenario=cell, **known)

    return run


def test_offline_is_throughput(derived: Callable[..., Any]) -> None:
    found = derived("offline", batch=4)
    assert found["base"].readings["throughput"].value == pytest.approx(4000)
    assert found["small"].readings["throughput"].low == pytest.approx(8000)
    ratio = found["small"].ratios["throughput"]
    assert (ratio.value, ratio.method, ratio.n) == (pytest.approx(2.0), "paired-throughput", COUNT)
    assert found["base"].readings["latency"].facts["per"] == "call"


def test_a_query_of_multi_stream_has_one_latency(derived: Callable[..., Any]) -> None:
    found = derived("multi-stream", samples=8)
    latency = found["base"].readings["latency"]
    assert (latency.value, latency.facts["samples"], latency.n) == (pytest.approx(0.008), 8, 8000)
    assert latency.facts["p99_at_most"] == pytest.approx(0.008)
    assert found["base"].readings["throughput"].value == pytest.approx(1000)
    assert found["small"].ratios["latency"].method == "paired-floor"


def test_a_servers_latency_is_that_of_the_open_loop(derived: Callable[..., Any]) -> None:
    found = derived("server", rate=800.0)
    base = found["base"].readings
    assert base["latency"].facts["quantiles"]["p99"][0] > 3 * base["service"].facts["quantiles"]["p99"][0]
    assert base["latency"].facts["p99_at_most"] >= base["latency"].facts["quantiles"]["p99"][0]
    assert base["latency"].facts["rate"] == 800.0
    assert base["latency"].facts["utilisation"] == pytest.approx(0.8, rel=0.05)
    assert "not_ranked" not in base["latency"].facts
    ratios = found["small"].ratios
    assert ratios["service"].value == pytest.approx(0.5, rel=0.01)
    assert ratios["latency_p99"].value < 0.4  # half the work waits less than half as long
    assert {ratios[name].method for name in ("latency", "latency_p99")} == {"paired-queries"}
    assert found["base"].validity["verdict"] == "valid"


def test_a_rate_of_the_comparisons_own_is_not_ranked(derived: Callable[..., Any]) -> None:
    assert "give a rate" in derived("server", p99=0.05)["base"].readings["latency"].facts["not_ranked"]


def test_a_queue_that_only_grows_is_suspect(derived: Callable[..., Any]) -> None:
    found = derived("server", rate=1200.0)
    assert found["base"].readings["latency"].verdict == "suspect"
    assert "1.2" in found["base"].readings["latency"].reasons[0]
    assert found["base"].readings["service"].verdict == "valid"
    assert found["small"].readings["latency"].verdict == "valid"


def test_the_highest_rate_is_the_median_of_launches(derived: Callable[..., Any]) -> None:
    def highest(index: int) -> dict[str, Any]:
        return {side: {"passed": 900e6 / ns + index, "failed": 950e6 / ns} for side, ns in NS.items()}

    found = derived("server", p99=0.05, highest=highest)
    rate = found["base"].readings["max_rate"]
    assert (rate.value, rate.unit, rate.facts["bracket"]) == (903.5, "1/s", [903.5, 950.0])
    assert rate.facts["bound"] == 0.05
    assert found["small"].ratios["max_rate"].value == pytest.approx(2.0, rel=0.01)


def test_where_no_rate_passed_there_is_none(derived: Callable[..., Any]) -> None:
    def highest(index: int) -> dict[str, Any]:
        return {side: {"passed": None if index == 3 and side == "base" else 900.0, "failed": 950.0} for side in NS}

    found = derived("server", p99=0.05, highest=highest)
    assert "in 1 of 8 launches" in found["base"].readings["max_rate"].reason
    assert found["small"].readings["max_rate"].value == 900.0
    assert "max_rate" not in found["small"].ratios


def test_what_moves_a_latency_moves_what_the_scenario_says(derived: Callable[..., Any]) -> None:
    found = derived("offline", count=2)
    assert found["base"].readings["throughput"].verdict == "suspect"


def test_single_stream_has_no_readings_of_its_own(make: Callable[..., Any]) -> None:
    known = {"threads": 1, "batch": 1, "stop": Stop(0.02), "meter": None}
    plain, told = (
        derive_comparison(make(), "base", "r", scenario=each, **known)["small"]
        for each in (None, Cell("s", "t", (), "b"))
    )
    assert plain == told
