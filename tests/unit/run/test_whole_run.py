"""One whole run in child processes: every bad plugin is one red row with its reason, and the rest completes."""

from typing import Any

import numpy as np
import pytest

from bench.reading import lacking
from bench.store import read_records

GOOD = ("none", "same", "cut", "slower", "prints", "vandal")
BAD = {
    "raises": ("failed", "building the artifact: ValueError: this plugin <b>always</b> raises"),
    "eats": ("oom", "ran out of the memory a worker may use"),
    "exits": ("failed", "exited with code 7"),
    "segfaults": ("failed", "SIGSEGV"),
    "lies": ("failed", "returns its path, not int"),
    "escapes": ("failed", "outside its work folder"),
    "babbles": ("failed", "no message"),
}


@pytest.mark.parametrize("step", BAD)
def test_a_bad_plugin_is_one_red_row_with_its_reason(spawned: Any, named: Any, step: str) -> None:
    record = named(spawned[1].records)[step]
    status, reason = BAD[step]
    assert record.status == status
    assert reason in record.reason
    assert record.readings == {}
    assert record.validity["verdict"] == "invalid"
    assert record.machine
    assert record.group == named(spawned[1].records)["none"].group


def test_the_reason_names_the_place_in_the_plugin(spawned: Any, named: Any) -> None:
    records = named(spawned[1].records)
    assert "house.py" in records["raises"].detail
    assert "house.py" in records["segfaults"].reason


@pytest.mark.parametrize("step", GOOD)
def test_the_rest_is_measured(spawned: Any, named: Any, step: str) -> None:
    record = named(spawned[1].records)[step]
    assert (record.status, record.reason, record.launches) == ("ok", None, 2)
    assert record.readings["latency"].class_ == "measured"
    assert record.readings["latency"].value > 0
    assert record.readings["quality"].n == 200
    assert record.readings["size"].value > 2000
    energy = record.readings["energy"]
    assert energy.class_ == "estimated"
    assert lacking(energy) == []
    assert record.versions["runtime"]["runtime"] == "numpy"


def test_every_cell_has_one_record_in_the_order_of_the_plan(spawned: Any) -> None:
    house, outcome = spawned
    assert [each.cell for each in outcome.records] == house.cells([each.cell.recipe[0] for each in outcome.records[1:]])
    assert len(outcome.records) == len(GOOD) + len(BAD)


def test_a_change_nothing_plugin_gives_the_baseline_byte_for_byte(spawned: Any, named: Any) -> None:
    records = named(spawned[1].records)
    same, base = records["same"], records["none"]
    assert same.artifact == base.artifact
    assert same.ratios["size"].value == 1.0
    ratio = same.ratios["latency"]
    assert (ratio.method, ratio.against, ratio.n) == ("paired-floor", base.id, 2)
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio.facts["wall"] > 0
    assert same.ratios["energy"].class_ == "estimated"
    assert same.readings["quality"].facts["drop"]["value"] == 0.0
    assert base.ratios == {}


def test_twice_the_work_is_slower_in_every_channel(spawned: Any, named: Any) -> None:
    """320 products instead of 20: whatever else runs here, the direction is certain."""
    ratio = named(spawned[1].records)["slower"].ratios["latency"]
    assert ratio.value > 2
    assert ratio.facts["work"] > 2
    assert ratio.facts["wall"] > 2


def test_a_step_that_edits_its_input_damages_nobody(spawned: Any, named: Any) -> None:
    records = named(spawned[1].records)
    assert records["none"].readings["quality"].value == 1.0
    assert records["same"].readings["quality"].value == 1.0
    assert records["vandal"].artifact != records["none"].artifact


def test_lineage_says_what_was_done(spawned: Any, named: Any) -> None:
    (entry,) = named(spawned[1].records)["cut"].lineage
    assert (entry["step"], entry["kind"], entry["from"], entry["to"]) == ("cut", "compress", "npz", "npz")
    assert entry["plugin"] == "house.py"
    assert entry["facts"] == {"sparsity": 0.5}
    assert 0 < entry["seconds"] < spawned[1].ledger["wall"]


def test_what_lies_on_disk(spawned: Any) -> None:
    house, outcome = spawned
    folder = house.folder()
    assert read_records(folder.records_path, strict=True)
    facts = folder.facts()
    assert facts["schema"] == "bench.run/1"
    assert facts["machine"]["cores"] >= 1
    assert {each.run for each in outcome.records} == {facts["id"]}
    for record in outcome.records:
        samples = folder.path / "samples" / f"{record.cell.id}.npz"
        assert samples.exists() == (record.status == "ok")
        if record.status == "ok":
            with np.load(samples) as archive:
                assert archive["outcomes"].shape == (200,)


def test_every_worker_was_closed(spawned: Any) -> None:
    house, _ = spawned
    assert house.spy.started > 10
    assert house.spy.open == 0


def test_no_scratch_is_left(spawned: Any) -> None:
    house, _ = spawned
    assert [each.name for each in (house.base / "cache" / "work").iterdir()] == [".lock"]


def test_the_ledger_explains_the_wall(spawned: Any) -> None:
    ledger = dict(spawned[1].ledger)
    wall, own = ledger.pop("wall"), ledger.pop("own")
    assert sum(ledger.values()) + own == pytest.approx(wall, abs=0.01)
    assert 0 <= own < wall
    for phase in ("prepare", "compress", "evaluate", "start", "warm_up", "measure", "count"):
        assert ledger[phase] > 0, phase
    assert spawned[0].folder().facts()["ledger"]["wall"] >= wall - 0.5


def test_every_artifact_says_what_making_it_cost(spawned: Any, named: Any) -> None:
    records = named(spawned[1].records)
    (entry,) = records["cut"].lineage
    assert {entry["device"], bool(entry["processor"])} == {"cpu", True}
    assert (entry["train_s"], entry["train_cpu_s"], "train_samples" in entry) == (0.0, 0.0, False)
    cost = records["cut"].compression
    assert cost["seconds"] == pytest.approx(entry["seconds"], abs=1e-3)
    assert cost["cpu_s"] == entry["cpu_s"] > 0
    assert set(cost["phases"]) == {"compress"}
    assert cost["energy"]["value"] == pytest.approx(3.5 * entry["cpu_s"])
    assert cost["energy"]["class"] == "estimated"
    assert "training" not in cost
    assert "break_even" not in records["none"].compression
    assert records["none"].compression["energy"]["class"] == "unavailable"
    assert records["raises"].compression == {}


def test_break_even_claims_nothing_of_estimated_joules(spawned: Any, named: Any) -> None:
    records = named(spawned[1].records)
    for name in ("cut", "slower"):
        found = records[name].compression["break_even"]
        assert (found["verdict"], found["class"], found["inferences"]) == ("estimated only", "estimated", None)
        assert found["served_on"]["device"] == "cpu"
        assert found["made_on"] == [{"device": "cpu", "processor": found["served_on"]["processor"]}]
        assert found["processor_time"]["n"] == 2
    assert records["slower"].compression["break_even"]["processor_time"]["verdict"] == "no demonstrated saving"
    assert records["slower"].compression["break_even"]["processor_time"]["saving_s"] < 0
