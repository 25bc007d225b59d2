"""What a run's settings say of its records: measured in one process, and which joules may be ranked."""

from dataclasses import replace
from typing import Any

import pytest

from bench.cli.comparing import compare_records
from bench.publish.view import build_view
from bench.store import read_records


def test_what_was_measured_in_one_process_is_invalid_and_of_a_group_of_its_own(house: Any, named: Any) -> None:
    apart = named(house.run("same", out="apart").records)
    house.settings = {"in_process": True}
    house.run("same", out="one")
    one = named(read_records(house.folder("one").records_path, strict=True))
    for record in one.values():
        assert record.validity["verdict"] == "invalid"
        assert "measured in one process" in record.validity["reasons"][0]
        assert record.readings["latency"].verdict == "invalid"
        assert "latency_vs_best" not in record.ratios
    assert one["none"].group != apart["none"].group
    assert all(each.verdict == "not comparable" for each in compare_records(apart["same"], one["same"]))
    assert {each.metric: each.verdict for each in compare_records(one["none"], one["same"])}["latency"] == (
        "not comparable"
    )


@pytest.mark.parametrize(("asked", "ranked"), [("any", True), ("derived", False), ("measured", False)])
def test_joules_that_the_suite_does_not_rank_are_shown_without_a_verdict(
    house: Any, named: Any, asked: str, ranked: bool
) -> None:
    house.settings = {"energy": asked}
    house.run("same")
    records = named(read_records(house.folder().records_path, strict=True))
    energy = records["same"].readings["energy"]
    assert energy.class_ == "estimated"
    assert ("not_ranked" in energy.facts) == (not ranked)
    if ranked:
        return
    assert energy.facts["not_ranked"] == f"the suite ranks {asked} joules only, and these are estimated"
    assert records["same"].compression["break_even"]["reason"] == energy.facts["not_ranked"]
    (line,) = (each for each in compare_records(records["none"], records["same"]) if each.metric == "energy")
    assert (line.verdict, line.note.split(" | ")[0]) == ("not comparable", energy.facts["not_ranked"])
    made = [replace(each, validity={"verdict": "valid", "reasons": []}) for each in records.values()]
    (group,) = build_view(made, title="t", generated="now").groups
    keys = [each.key for each in group.columns]
    for row in group.rows:
        assert row.cells[keys.index("energy")].sort is None
    words = [row.cells[keys.index("energy_ratio")].note for row in group.rows]
    assert not any("processor time" in each or "tie" in each for each in words)
