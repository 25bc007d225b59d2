"""Odd backends, counters and steps: each costs its own number or row, never a false figure and never the run."""

from typing import Any

import pytest

from bench.errors import WorkerError
from bench.run import Settings, spawn_child
from bench.run.settings import environment
from bench.store import read_records
from bench.wire import Worker


def test_a_baseline_that_cannot_run_takes_its_comparison_with_it(house: Any, named: Any) -> None:
    house.backend, house.backend_options = "refuses", {}
    records = named(house.run("same").records)
    assert records["none"].status == "unsupported"
    assert "buy one" in records["none"].reason
    assert records["same"].status == "unsupported"
    assert records["same"].reason


def test_a_side_that_dies_in_a_block_costs_its_row_only(house: Any, named: Any) -> None:
    house.backend, house.backend_options = "fragile", {}
    records = named(house.run("same", "marked").records)
    assert (records["none"].status, records["same"].status) == ("ok", "ok")
    assert records["marked"].status == "failed"
    assert "died in the middle of a block" in records["marked"].reason
    assert records["same"].launches == 2
    assert all(set(each.sides) == {records["none"].cell.id, records["same"].cell.id} for each in house.launches())


def test_a_process_that_dies_in_a_block_costs_its_row_only(house: Any, named: Any) -> None:
    house.backend, house.backend_options = "fragile", {"how": "exit"}
    house.spy.make = spawn_child
    records = named(house.run("same", "marked").records)
    assert (records["none"].status, records["same"].status, records["marked"].status) == ("ok", "ok", "failed")
    assert "exited with code 9" in records["marked"].reason
    assert house.spy.open == 0


def test_outputs_that_change_make_the_figure_invalid(house: Any, named: Any) -> None:
    house.backend, house.backend_options = "dice", {}
    record = named(house.run("same").records)["same"]
    assert record.status == "ok"
    assert record.validity["verdict"] == "invalid"
    assert "different outputs" in record.validity["reasons"][0]


def test_a_session_that_cannot_be_closed_stops_nobody(house: Any) -> None:
    house.backend, house.backend_options = "sticky", {}
    house.run("same")
    read_records(house.folder().records_path, strict=True)


def test_outputs_of_the_wrong_shape_cost_the_row(house: Any, named: Any) -> None:
    records = named(house.run("not-a-number", "same").records)
    assert records["same"].status == "ok"
    assert records["not-a-number"].status in ("ok", "failed")


def test_facts_of_every_kind_are_stored_as_plain_json(house: Any, named: Any) -> None:
    house.backend, house.backend_options = "dice", {}
    house.run("notes")
    record = named(read_records(house.folder().records_path, strict=True))["notes"]
    runtime = record.versions["runtime"]
    assert (runtime["threads"], runtime["scale"], runtime["type"]) == (1, 0.5, "int8")
    (entry,) = record.lineage
    assert (entry["facts"]["number"], entry["facts"]["bits"], entry["facts"]["nan"]) == (2.5, 8, None)
    assert entry["log"] == ["a line"]


def test_counters_count_or_say_why_not(house: Any, named: Any) -> None:
    house.run("cut")
    readings = named(read_records(house.folder().records_path, strict=True))["cut"].readings
    assert readings["parameters"].value == 256
    assert readings["parameters"].facts["note"] == "numpy's own number"
    odd = {
        "not-finite": "finite number",
        "raising": "no such layer",
        "wrong-type": "AttributeError",
        "joules": "lacks kind",
        "no-reading": "lacks unit",
        "text": "a number",
        "leaving": "SystemExit: 3",
    }
    for name, why in odd.items():
        assert readings[name].class_ == "unavailable"
        assert why in readings[name].reason


def test_no_counter_passes_for_a_measurement(house: Any, named: Any) -> None:
    record = named(house.run("cut").records)["cut"]
    assert record.readings["latency"].class_ == "measured"
    assert record.readings["latency"].value > 1e-9
    assert record.readings["size"].value > 1000


def test_workers_that_cannot_be_started_cost_rows_not_the_run(house: Any, named: Any) -> None:
    house.run("same", out="warm")

    def broken(threads: int, memory_bytes: int | None) -> Worker:
        raise WorkerError("a worker process cannot be started (python): Cannot allocate memory")

    house.spy.make = broken
    records = named(house.run("same", out="cold").records)
    assert records["none"].status == records["same"].status == "failed"
    assert "cannot be started" in records["none"].reason
    assert "baseline" in records["same"].reason or "cannot be started" in records["same"].reason


def test_workers_that_die_at_once_cost_rows_not_the_run(house: Any, named: Any) -> None:
    house.run("same", out="warm")
    house.spy.make = lambda threads, memory_bytes: spawn_child(threads, 1 << 20)
    records = named(house.run("same", out="cold").records)
    assert {each.status for each in records.values()} <= {"failed", "oom"}
    assert house.spy.open == 0


def test_limits_are_judged_in_the_record(house: Any, named: Any) -> None:
    house.settings = {"limits": {"size": 10.0, "latency_p90": 3600.0, "quality_drop": 0.01, "nothing": 1.0}}
    limits = named(house.run("cut").records)["cut"].limits
    assert limits["size"]["ok"] is False
    assert limits["quality_drop"]["limit"] == 0.01
    assert limits["nothing"] == {"limit": 1.0, "value": None, "ok": None}


def test_the_best_baseline_is_named_when_there_are_two(house: Any) -> None:
    from dataclasses import replace

    from bench.plan import make_plan

    catalogue = house.catalogue()
    slow = [replace(each, backend_options={"repeats": 400}) for each in house.cells(["same"])]
    plan = make_plan([*house.cells(["same"]), *slow], catalogue)
    house.run_plan(plan, catalogue)
    lines = house.folder().records_path.read_bytes()
    outcome = house.run_plan(plan, catalogue)
    assert house.folder().records_path.read_bytes() == lines
    best, same, slow_base, slow_same = outcome.records
    assert "latency_vs_best" not in best.ratios
    assert same.ratios["latency_vs_best"].method == "paired-floor"
    for each in (slow_base, slow_same):
        ratio = each.ratios["latency_vs_best"]
        assert (ratio.method, ratio.against) == ("unpaired-p50", best.id)
        assert ratio.value > 2


def test_without_a_meter_energy_is_unavailable_with_the_reason(house: Any, named: Any) -> None:
    house.settings = {"meter": None}
    record = named(house.run("same").records)["same"]
    assert record.readings["energy"].class_ == "unavailable"
    assert "no energy meter" in record.readings["energy"].reason
    assert "energy" not in record.ratios


@pytest.mark.parametrize("threads", [1, 4])
def test_frameworks_see_one_thread_count_and_no_hub(threads: int) -> None:
    variables = environment(threads)
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == str(threads)
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"


def test_defaults_are_the_protocol() -> None:
    fields = Settings.__dataclass_fields__
    assert (fields["min_launches"].default, fields["rounds"].default, fields["ci_width"].default) == (5, 6, 0.02)
