"""What was made once is not made again, and what was made by other code is."""

import json
import os
from typing import Any

import numpy as np
import pytest

from bench.store.cache import checksum
from bench.suite.cell import Step


def made(house: Any) -> dict[str, int]:
    return {verb: len(house.spy.of(verb)) for verb in ("prepare", "data", "compress", "count", "predict", "score")}


def test_a_second_run_elsewhere_takes_everything_from_the_cache(house: Any) -> None:
    first = house.run("cut", "same", out="one")
    house.spy.requests.clear()
    second = house.run("cut", "same", out="two")
    assert made(house) == dict.fromkeys(made(house), 0)
    assert [each.artifact for each in first.records] == [each.artifact for each in second.records]
    assert [each.readings["quality"] for each in first.records] == [each.readings["quality"] for each in second.records]
    assert [each.id for each in first.records] != [each.id for each in second.records]
    assert len(house.journal_files("two")) == 2


def test_other_options_are_another_artifact(house: Any) -> None:
    house.run("cut", out="one")
    house.spy.requests.clear()
    house.run(Step("cut", {"sparsity": 0.9}), out="two")
    assert len(house.spy.of("compress")) == 1


def test_an_edited_plugin_file_is_noticed(house: Any) -> None:
    plugin = house.base / "house.py"
    plugin.write_text(house.files[0].read_text())
    house.files = (plugin,)
    house.run("cut", out="one")
    house.spy.requests.clear()
    house.run("cut", out="two")
    assert made(house)["compress"] == 0
    plugin.write_text(plugin.read_text() + "\n# edited\n")
    house.run("cut", out="three")
    assert made(house)["compress"] == 1
    assert made(house)["data"] == 1


def test_an_edited_step_is_noticed_and_its_task_is_not_prepared_again(house: Any) -> None:
    plugin = house.base / "odd.py"
    plugin.write_text(house.files[1].read_text())
    house.files = (house.files[0], plugin)
    house.run("notes", out="one")
    plugin.write_text(plugin.read_text() + "\n# edited\n")
    house.spy.requests.clear()
    house.run("notes", out="two")
    assert (made(house)["compress"], made(house)["data"]) == (1, 0)


def test_a_damaged_artifact_is_built_again(house: Any, named: Any) -> None:
    first = named(house.run("cut", out="one").records)
    for each in (house.base / "cache" / "objects").rglob("*.npz"):
        each.write_bytes(b"\0" * each.stat().st_size)
        os.utime(each, ns=(1, 1))
    second = named(house.run("cut", out="two").records)
    assert {each.status for each in second.values()} == {"ok"}
    assert second["none"].readings["quality"].value == first["none"].readings["quality"].value == 1.0


def test_damaged_outcomes_are_graded_again(house: Any) -> None:
    house.run("cut", out="one")
    for each in (house.base / "cache" / "outcomes").rglob("*.npz"):
        each.write_bytes(each.read_bytes()[:50])
    outcome = house.run("cut", out="two")
    assert [each.status for each in outcome.records] == ["ok", "ok"]
    assert made(house)["score"] == 4


def test_lost_task_data_is_prepared_again(house: Any) -> None:
    house.run("cut", out="one")
    next((house.base / "cache" / "data").rglob("evaluation.npz")).unlink()
    outcome = house.run("cut", out="two")
    assert [each.status for each in outcome.records] == ["ok", "ok"]
    assert made(house)["data"] == 2


def test_other_task_data_is_prepared_again(house: Any, named: Any) -> None:
    first = named(house.run("cut", out="one").records)
    path = next((house.base / "cache" / "data").rglob("evaluation.npz"))
    whole = path.read_bytes()
    np.savez(path, x=np.roll(np.load(path)["x"], 1, axis=0))
    for each in (house.base / "cache" / "outcomes").rglob("*.npz"):
        each.unlink()
    second = named(house.run("cut", out="two").records)
    assert {name: each.readings["quality"].value for name, each in second.items()} == {
        name: each.readings["quality"].value for name, each in first.items()
    }
    assert path.read_bytes() == whole


def test_torn_task_data_is_prepared_again(house: Any) -> None:
    house.run("cut", out="one")
    for name in ("evaluation.npz", "example-1.npz"):
        path = next((house.base / "cache" / "data").rglob(name))
        path.write_bytes(path.read_bytes()[:100])
        for each in (house.base / "cache" / "outcomes").rglob("*.npz"):
            each.unlink()
        assert [each.status for each in house.run("cut", out=name).records] == ["ok", "ok"]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("length", [1, 200, 400])
def test_edited_outcomes_are_graded_again(house: Any, named: Any, length: int, keep: bool) -> None:
    steep = Step("cut", {"sparsity": 0.9})
    first = named(house.run(steep, out="one").records)["cut"].readings["quality"].value
    for each in (house.base / "cache" / "outcomes").rglob("*.npz"):
        with np.load(each) as archive:
            kept = {name: archive[name] for name in archive.files if keep and name != "outcomes"}
        np.savez(each, **kept, outcomes=np.ones(length))
    assert named(house.run(steep, out="two").records)["cut"].readings["quality"].value == first < 1.0


def test_outcomes_of_another_artifact_are_graded_again(house: Any, named: Any) -> None:
    steep = Step("cut", {"sparsity": 0.9})
    first = named(house.run(steep, out="one").records)
    one, two = (house.base / "cache" / "outcomes").rglob("*.npz")
    one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_bytes)
    two.write_bytes(one_bytes)
    second = named(house.run(steep, out="two").records)
    assert second["cut"].readings["quality"].value == first["cut"].readings["quality"].value < 1.0


def test_edited_counts_are_counted_again(house: Any, named: Any) -> None:
    first = named(house.run("cut", out="one").records)["cut"]
    for each in (house.base / "cache" / "facts").rglob("*.json"):
        kept = json.loads(each.read_text())
        if "size_compressed" in kept:
            each.write_text(json.dumps({**kept, "size_compressed": 1.0}))
        if "artifact" in kept:
            kept["artifact"]["size_bytes"] = 1
            each.write_text(json.dumps({**kept, "checksum": checksum(each.stem, kept)}))
    second = named(house.run("cut", out="two").records)["cut"]
    assert second.readings["size"].value == first.readings["size"].value > 1
    assert second.readings["size_compressed"].value == first.readings["size_compressed"].value > 1


@pytest.mark.parametrize(
    "odd",
    [
        {"readings": 3},
        {"artifact": {"path": 1}},
        {"artifact": 3},
        {"artifact": None},
        {},
        {"readings": {"x": 1}, "size_compressed": 2.0},
        {"readings": {}, "size_compressed": "x"},
    ],
)
def test_malformed_facts_are_made_again(house: Any, odd: Any) -> None:
    house.run("cut", out="one")
    for each in (house.base / "cache" / "facts").rglob("*.json"):
        each.write_text(json.dumps({**odd, "checksum": checksum(each.stem, odd)}))
    assert [each.status for each in house.run("cut", out="two").records] == ["ok", "ok"]


def test_facts_that_an_older_version_kept_are_made_again(house: Any) -> None:
    house.run("cut", out="one")
    for each in (house.base / "cache" / "facts").rglob("*.json"):
        text = each.read_text()
        each.write_text(text.replace('"reference"', '"was_called_otherwise"'))
    assert [each.status for each in house.run("cut", out="two").records] == ["ok", "ok"]


def test_per_example_outcomes_are_kept_and_paired(house: Any, named: Any) -> None:
    records = named(house.run(Step("cut", {"sparsity": 0.9})).records)
    drop = records["cut"].readings["quality"].facts["drop"]
    folder = house.folder().path / "samples"
    base, mine = (np.load(folder / f"{records[name].cell.id}.npz")["outcomes"] for name in ("none", "cut"))
    assert drop["value"] == base.mean() - mine.mean() > 0
    assert (drop["gained"], drop["lost"]) == ((mine > base).sum(), (mine < base).sum())
    assert drop["low"] <= drop["value"] <= drop["high"]


def test_a_lineage_cached_before_processor_time_was_kept_still_loads(house: Any) -> None:
    house.run("cut", out="one")
    for path in house.base.glob("cache/facts/**/*.json"):
        kept = json.loads(path.read_text())
        for entry in kept.get("artifact", {}).get("lineage", []):
            for name in ("cpu_s", "train_cpu_s", "device", "processor"):
                del entry[name]
            path.write_text(json.dumps({**kept, "checksum": checksum(path.stem, kept)}))
    house.spy.requests.clear()
    record = house.run("cut", out="two").records[1]
    assert made(house)["compress"] == 0
    assert (record.status, record.compression["cpu_s"]) == ("ok", None)
    assert record.compression["energy"]["class"] == "unavailable"
    assert "older version" in record.compression["energy"]["reason"]
    assert record.compression["break_even"]["processor_time"]["verdict"] == "unavailable"


def test_an_edited_plugin_is_measured_again_in_the_same_folder(house: Any) -> None:
    plugin = house.base / "house.py"
    plugin.write_text(house.files[0].read_text())
    house.files = (plugin,)
    house.run("cut")
    house.events.clear()
    house.run("cut")
    assert [each.text for each in house.events if each.kind == "note"] == ["house: already measured"]
    plugin.write_text(plugin.read_text() + "\n# edited\n")
    house.events.clear()
    house.run("cut")
    notes = [each.text for each in house.events if each.kind == "note"]
    assert notes == ["house: measured again, since its model or a plugin changed"]
    assert len([each for each in house.events if each.kind == "record"]) == 2
