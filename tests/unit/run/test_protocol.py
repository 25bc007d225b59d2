"""What a launch must be: interleaved rounds in coin-flip order, one block length, equal paths; all written down."""

from typing import Any

import numpy as np
import pytest

from bench.measure import placement
from bench.plan import make_plan
from bench.run.launch import LEAST_CALLS, MOST_CALLS, block_calls
from bench.suite.cell import Step


def test_every_round_runs_every_side_once_and_the_order_is_drawn(measured: Any) -> None:
    launches = measured[0].launches()
    assert len(launches) == 2
    orders = [tuple(each) for launch in launches for each in launch.meta["order"]]
    assert len(orders) == 16
    assert {tuple(sorted(each)) for each in orders} == {tuple(sorted(launches[0].sides))}
    assert len(set(orders)) > 1
    assert all(len(launch.meta["cores"]) == 8 for launch in launches)


def test_every_side_has_the_same_block_length_in_every_launch(measured: Any) -> None:
    launches = measured[0].launches()
    (n,) = {launch.meta["n"] for launch in launches}
    assert {each["n"] for each in measured[0].spy.of("block")} == {n}
    assert {value.shape for launch in launches for value in launch.samples.values()} == {(8, n + 5)}
    assert LEAST_CALLS <= n <= MOST_CALLS


def test_the_sides_of_a_round_share_a_core(measured: Any) -> None:
    blocks = measured[0].spy.of("block")
    rounds = [blocks[start : start + 4] for start in range(0, len(blocks), 4)]
    assert len(rounds) == 16
    assert all(len({each["core"] for each in one}) == 1 for one in rounds)
    assert {each["core"] for each in blocks} <= set(placement.cores() or [None])
    assert [one[0]["core"] for one in rounds] == [
        core for launch in measured[0].launches() for core in launch.meta["cores"]
    ]


def test_artifacts_are_copied_to_paths_of_equal_length(measured: Any) -> None:
    opened = measured[0].spy.of("open")
    paths = {each["artifact"]["path"] for each in opened}
    assert len(paths) == 4
    assert len({len(each) for each in paths}) == 1
    assert not any("objects" in each for each in paths)


def test_sides_start_in_drawn_order_and_every_launch_starts_anew(measured: Any) -> None:
    assert len(measured[0].spy.of("import")) >= 8
    assert len(measured[0].spy.of("open")) == 8
    assert len({each["inputs"] for each in measured[0].spy.of("open")}) == 1


def test_a_launch_keeps_what_the_machine_did(measured: Any) -> None:
    for launch in measured[0].launches():
        assert launch.meta["seconds"] > 0
        assert set(launch.meta["load"]) == {"before", "after"}
        assert set(launch.meta["headers"]) == set(launch.meta["artifacts"]) == set(launch.sides)
        header = launch.meta["headers"][launch.sides[0]]
        assert {"import_ns", "load_ns", "first_ns", "base_bytes", "load_peak_bytes", "inference_peak_bytes"} <= set(
            header
        )
        assert all(len(each) == 1 for each in launch.meta["outputs"].values())
        for value in launch.samples.values():
            n = launch.meta["n"]
            assert (value[:, :n] > 0).all()
            assert (np.diff(value[:, -1]) > 0).all()


def test_a_launch_is_watched_and_its_clock_known(measured: Any) -> None:
    for launch in measured[0].launches():
        watch = launch.meta["watch"]
        assert watch["seconds"] > 0
        assert watch["cores"] >= 1
        assert all(value >= 0 for value in watch.values())
        assert all(each["clock_step_ns"] > 0 for each in launch.meta["headers"].values())


def test_byte_identical_sides_give_the_same_outputs(measured: Any, named: Any) -> None:
    records = named(measured[1].records)
    outputs = measured[0].launches()[0].meta["outputs"]
    assert outputs[records["same"].cell.id] == outputs[records["none"].cell.id]
    assert outputs[records["cut"].cell.id] != outputs[records["none"].cell.id]


def test_more_than_six_recipes_are_bundled_with_the_baseline_in_each(house: Any) -> None:
    steps = [Step("cut", {"sparsity": round(0.05 * k, 2)}) for k in range(1, 13)]
    outcome = house.run(*steps)
    assert {each.status for each in outcome.records} == {"ok"}
    base = outcome.records[0].cell.id
    launches = house.launches()
    assert len(launches) == 2 * 3
    assert sorted(len(each.sides) for each in launches) == [3, 3, 6, 6, 6, 6]
    assert all(base in each.sides for each in launches)
    assert outcome.records[0].launches == 6
    assert {each.launches for each in outcome.records[1:]} == {2}


def test_several_threads_are_not_pinned(house: Any) -> None:
    from dataclasses import replace

    catalogue = house.catalogue()
    cells = [replace(each, threads=2) for each in house.cells(["same"])]
    house.run_plan(make_plan(cells, catalogue), catalogue)
    assert {each["core"] for each in house.spy.of("block")} == {None}
    assert {each["threads"] for each in house.spy.of("open")} == {2}


@pytest.mark.parametrize(
    ("call_s", "n"), [([1e-3], 23), ([1e-9], MOST_CALLS), ([0.0], MOST_CALLS), ([1.0], LEAST_CALLS), ([1e-3, 4e-3], 13)]
)
def test_block_length(call_s: list[float], n: int) -> None:
    assert block_calls(call_s) == n


def test_a_budget_stops_and_says_that_the_interval_was_not_reached(house: Any, named: Any) -> None:
    house.settings = {"ci_width": 1e-9, "budget_s": 0.2}
    record = named(house.run("cut").records)["cut"]
    assert record.launches >= 2
    assert record.ratios["latency"].facts["ci_not_reached"] is True


def test_in_process_runs_leave_this_process_as_it_was(house: Any) -> None:
    import gc
    import os

    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    house.run("same")
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    if before:
        assert os.sched_getaffinity(0) == before
