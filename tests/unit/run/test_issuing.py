"""What a scenario issues: counts from the confidence that is asked for, the same on every side."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.plan import make_plan
from bench.run import Settings
from bench.run.issuing import expected_issuing_s, plan_of, start_rate
from bench.suite.cell import Cell, Step

N = 10


def plan(scenario: str, call_s: float = 1e-3, other_s: float = 5e-4, batch: int = 1, **options: Any) -> dict[str, Any]:
    blocks = {name: [np.full(N + 5, round(each * 1e9))] * 2 for name, each in (("base", call_s), ("small", other_s))}
    cell = Cell("s", "t", (), "b", scenario=scenario, scenario_options=options, batch=batch)
    settings = Settings(None, None, min_launches=5, rounds=6)  # type: ignore[arg-type]
    return plan_of(cell, blocks, "base", settings, N)


def test_offline_lasts_on_the_fastest_side() -> None:
    found = plan("offline", batch=4)
    assert found == {"name": "offline", "calls": 400, "samples": 1600, "rounds": 3}
    assert plan("offline", duration=3.0)["calls"] == 2000


def test_multi_stream_asks_enough_over_all_launches() -> None:
    found = plan("multi-stream", samples=8)
    assert (found["asked"], found["queries"] * found["rounds"]) == (2627, 1002)  # half a second of the fastest
    fine = plan("multi-stream", call_s=1e-4, other_s=1e-4, samples=8, margin=0.001)
    assert fine["queries"] * 6 >= fine["asked"] / 5 > 13_000
    assert plan("multi-stream", call_s=2.0, other_s=2.0)["queries"] == 1  # ten seconds, and no p99


def test_a_server_is_loaded_as_its_baseline_bears() -> None:
    found = plan("server", p99=0.05)
    assert (found["rate"], found["rounds"]) == (800.0, 1)
    assert found["queries"] == 800  # a second
    assert plan("server", rate=100.0)["queries"] == 662  # what early stopping takes at least
    assert plan("server", call_s=1.0, other_s=1.0)["queries"] == 8
    assert plan("server", batch=4)["rate"] == 3200.0


def test_the_search_begins_below_what_can_be_served() -> None:
    assert start_rate(1000.0, 0.001, 0.05) == pytest.approx(906.0, abs=0.1)
    assert start_rate(1000.0, 0.001, 0.0005) == 50.0


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("offline", {"duration": 0.01}),
        ("multi-stream", {"samples": 2, "duration": 0.001, "margin": 0.01}),
        ("server", {"rate": 20_000.0, "p99": 0.001, "confidence": 0.5, "duration": 0.001}),
    ],
)
def test_a_run_has_the_scenarios_readings(house: Any, named: Any, scenario: str, options: dict[str, Any]) -> None:
    cells = [replace(each, scenario=scenario, scenario_options=options) for each in house.cells([Step("cut")])]
    catalogue = house.catalogue()
    records = named(house.run_plan(make_plan(cells, catalogue), catalogue).records)
    for record in records.values():
        assert record.status == "ok"
        assert record.cell.scenario_options == options
        assert record.readings["throughput"].unit == "1/s"
        assert record.readings["throughput"].value > 0
        assert set(record.readings) >= ({"service", "max_rate"} if scenario == "server" else set())
    assert records["cut"].ratios["throughput"].against == records["none"].id
    opened = house.spy.of("open")
    assert {each.get("calls", 1) for each in opened} == {options.get("samples", 1)}
    kept = house.launches()
    assert {each.meta["scenario"]["plan"]["name"] for each in kept} == {scenario}
    first, *rest = [each.meta["scenario"]["plan"] for each in kept]
    assert all(each == first for each in rest)
    asked = house.spy.of("issue")
    assert len(asked) == 2 * 2 * first["rounds"]
    assert all(one["seed"] == other["seed"] for one, other in zip(asked[::2], asked[1::2], strict=True))


def test_what_is_issued_takes_time() -> None:
    def cell(scenario: str, **options: Any) -> Cell:
        return Cell("s", "t", (), "b", scenario=scenario, scenario_options=options)

    assert expected_issuing_s(cell("single-stream")) == 0
    assert expected_issuing_s(cell("offline", duration=3.0)) == 3.0
    assert expected_issuing_s(cell("server", p99=0.05)) == pytest.approx(5.0)


def test_a_query_of_half_a_batch_is_refused(house: Any) -> None:
    cells = [replace(house.cells([])[0], scenario="multi-stream", scenario_options={"samples": 8}, batch=3)]
    plan = make_plan(cells, house.catalogue())
    assert [each.reason for each in plan.cells] == ["a query of 8 samples is no whole number of batches of 3"]
