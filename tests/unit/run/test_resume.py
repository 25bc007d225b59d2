"""An interrupted run goes on where it stopped: launches are reused, nothing is measured twice, ids stay."""

import json
from typing import Any

import pytest

from bench.errors import WorkerError
from bench.run import Event
from bench.store import append_record, read_records
from bench.wire import Worker


def interrupt_at(kind: str, number: int) -> Any:
    seen = []

    def listen(event: Event) -> None:
        seen.append(event) if event.kind == kind else None
        if len(seen) == number:
            seen.append(event)
            raise KeyboardInterrupt

    return listen


def requests(house: Any, *verbs: str) -> list[int]:
    return [len(house.spy.of(verb)) for verb in verbs]


@pytest.mark.parametrize(
    ("kind", "number", "kept"), [("build", 2, 0), ("launch", 1, 1), ("launch", 2, 2), ("record", 1, 2)]
)
def test_stop_anywhere_and_go_on(house: Any, kind: str, number: int, kept: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        house.run("same", "cut", listen=interrupt_at(kind, number))
    first_id, files = house.folder().facts()["id"], house.journal_files()
    early = {each.cell.id: each for each in house.folder().records()}
    assert len(files) == kept
    assert house.spy.open == 0
    house.spy.requests.clear()
    outcome = house.run("same", "cut")
    assert [each.status for each in outcome.records] == ["ok"] * 3
    assert house.folder().facts()["id"] == first_id
    after = house.journal_files()
    assert len(after) == 2
    assert {name: after[name] for name in files} == files
    assert len(house.spy.of("open")) == 3 * (2 - kept)
    for record in outcome.records:
        assert record.run == first_id
        if record.cell.id in early:
            assert record.id == early[record.cell.id].id
            assert record.readings == early[record.cell.id].readings


def test_a_finished_run_does_nothing_again(house: Any) -> None:
    first = house.run("same", "raises")
    lines = house.folder().records_path.read_bytes()
    house.run("same", "same")
    house.spy.requests.clear()
    again = house.run("same")
    assert house.spy.requests == []
    assert house.folder().records_path.read_bytes() == lines
    assert again.records == tuple(each for each in first.records if each.status == "ok")
    assert any("already measured" in each.text for each in house.events)


def test_a_failed_cell_is_tried_again_beside_its_baseline(house: Any, named: Any) -> None:
    first = named(house.run("same", "raises").records)
    house.spy.requests.clear()
    second = named(house.run("same", "raises").records)
    assert second["same"] == first["same"]
    assert second["raises"].status == "failed"
    assert len(house.spy.of("compress")) == 1


def test_a_failing_retry_does_not_undo_what_was_measured(house: Any, named: Any) -> None:
    first = named(house.run("same", "raises").records)

    def broken(threads: int, memory_bytes: int | None) -> Worker:
        raise WorkerError("no more processes")

    house.spy.make = broken
    second = named(house.run("same", "raises").records)
    assert (second["none"], second["same"]) == (first["none"], first["same"])
    assert second["raises"].status == "failed"


def test_only_the_hour_differs_and_nothing_is_written(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What made the test above fail once in five: a second that passed between its two runs."""
    hour = iter(range(10_000))
    monkeypatch.setattr("bench.run.recording.time.strftime", lambda form, when=None: f"2026-01-01T00:00:{next(hour)}Z")
    house.run("same", "raises")
    first = house.folder().records_path.read_bytes().splitlines()
    house.run("same", "raises")
    second = house.folder().records_path.read_bytes().splitlines()
    assert [json.loads(each)["status"] for each in second[len(first) :]] == ["failed"]


@pytest.mark.parametrize("ledger", [[1], "x", {"wall": "long", "measure": None, "own": True}, {"wall": -1.0}])
def test_a_ledger_that_is_no_ledger_counts_as_nothing(house: Any, ledger: Any) -> None:
    house.run("same")
    facts = house.folder().facts()
    house.folder().write_facts({**facts, "ledger": ledger, "origins": [1]})
    outcome = house.run("same", "cut")
    assert {each.status for each in outcome.records} == {"ok"}
    assert outcome.ledger["own"] < 600


def test_a_lost_run_json_takes_the_records_run(house: Any) -> None:
    first = house.run("same")
    (house.base / "out" / "run.json").unlink()
    assert house.run("same").records == first.records
    assert house.folder().facts()["id"] == first.records[0].run


def test_a_damaged_launch_is_said_once(house: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        house.run("same", listen=interrupt_at("launch", 2))
    next((house.base / "out" / "journal").rglob("00001.npz")).write_bytes(b"PK damaged")
    house.events.clear()
    house.run("same")
    notes = [each.text for each in house.events if each.kind == "note"]
    assert notes == ["00001.npz of the journal is left out: it cannot be read"]


def forget(house: Any, *steps: str) -> None:
    from bench.cli.run_command import _forget
    from bench.plan import make_plan

    _forget(house.folder(), make_plan(house.cells(steps), house.catalogue()))


def test_fresh_takes_the_chosen_cells_only(house: Any, named: Any) -> None:
    first = named(house.run("same", "cut").records)
    lines = house.folder().records_path.read_bytes()
    forget(house, "cut")
    assert house.folder().records_path.read_bytes() == lines
    house.spy.requests.clear()
    house.events.clear()
    second = named(house.run("cut").records)
    assert len(house.spy.of("open")) == 2 * 2
    assert [each.text for each in house.events if each.kind == "note"] == []
    assert second["cut"].launches == 2
    left = {each.cell.id: each for each in house.folder().records()}
    assert left[first["same"].cell.id] == first["same"]
    assert sum(first["same"].cell.id in each.sides for each in house.launches()) == 2
    aside = list((house.base / "out" / "journal").rglob("*.old"))
    assert len(aside) == 2
    house.spy.requests.clear()
    house.run("same", "cut")
    assert house.spy.requests == []


def test_fresh_that_was_interrupted_goes_on(house: Any, named: Any) -> None:
    first = named(house.run("same", "cut").records)
    forget(house, "same", "cut")
    with pytest.raises(KeyboardInterrupt):
        house.run("same", "cut", listen=interrupt_at("launch", 1))
    assert {each.id for each in house.folder().records()} == {each.id for each in first.values()}
    house.spy.requests.clear()
    second = named(house.run("same", "cut").records)
    assert len(house.spy.of("open")) == 3
    assert second["cut"].readings["latency"] != first["cut"].readings["latency"]
    assert {each.launches for each in second.values()} == {2}


def test_fresh_that_fails_says_so(house: Any, named: Any) -> None:
    house.run("same")
    forget(house, "same")

    def broken(threads: int, memory_bytes: int | None) -> Worker:
        raise WorkerError("no more processes")

    house.spy.make = broken
    assert {each.status for each in house.run("same").records} == {"failed"}


def test_a_new_recipe_joins_a_finished_run(house: Any, named: Any) -> None:
    first = named(house.run("same").records)
    second = named(house.run("same", "cut").records)
    assert second["same"].ratios["latency"] == first["same"].ratios["latency"]
    assert (second["cut"].status, second["cut"].launches, second["none"].launches) == ("ok", 2, 4)
    assert second["cut"].ratios["latency"].against == second["none"].id == first["none"].id


def test_a_lost_journal_file_is_measured_again(house: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        house.run("same", listen=interrupt_at("launch", 2))
    (house.base / "out" / "journal").rglob("00001.npz").__next__().write_bytes(b"PK damaged")
    house.spy.requests.clear()
    outcome = house.run("same")
    assert {each.launches for each in outcome.records} == {2}
    assert len(house.spy.of("open")) == 2


def test_launches_of_another_artifact_are_not_reused(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        house.run("cut", listen=interrupt_at("launch", 1))
    original = house.journal_files()
    import shutil

    shutil.rmtree(house.base / "cache")
    plugin = house.base / "house.py"
    plugin.write_text(house.files[0].read_text().replace("sparsity)))", "sparsity)) * 2)"))
    assert "* 2" in plugin.read_text()
    house.files = (plugin, house.files[1])
    outcome = house.run("cut")
    assert [each.launches for each in outcome.records] == [3, 2]
    assert len(house.journal_files()) == 3
    assert original.items() <= house.journal_files().items()


def test_a_torn_record_is_written_again(house: Any) -> None:
    first = house.run("same")
    path = house.folder().records_path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:-10])
    assert len(read_records(path)) == 1
    second = house.run("same")
    assert [each.id for each in second.records] == [each.id for each in first.records]
    assert second.records[1].readings == first.records[1].readings
    assert read_records(path, strict=True) == list(second.records)


def test_a_cell_that_had_no_route_runs_once_it_has_one(house: Any, named: Any) -> None:
    from dataclasses import replace

    from bench.plan import make_plan

    catalogue = house.catalogue()
    lacking = replace(
        catalogue,
        offers=tuple(
            replace(each, needs=("no_such_package_here",)) if each.name == "cut" else each for each in catalogue.offers
        ),
        _missing={},
    )
    first = named(house.run_plan(make_plan(house.cells(["cut", "same"]), lacking), lacking).records)
    assert (first["cut"].status, first["same"].status) == ("unsupported", "ok")
    assert "no_such_package_here" in first["cut"].reason
    again = named(house.run_plan(make_plan(house.cells(["cut", "same"]), lacking), lacking).records)
    assert again == first
    second = named(house.run("cut", "same").records)
    assert (second["cut"].status, second["same"]) == ("ok", first["same"])


def test_the_ledger_goes_on(house: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        house.run("same", listen=interrupt_at("launch", 1))
    before = house.folder().facts()["ledger"]
    after = dict(house.run("same").ledger)
    assert all(after[name] >= before[name] for name in before)
    assert after["wall"] > before["wall"]
    wall = after.pop("wall")
    assert sum(after.values()) == pytest.approx(wall, abs=0.05)


def test_records_of_another_run_in_the_file_do_not_disturb(house: Any) -> None:
    first = house.run("same")
    from dataclasses import replace

    stranger = replace(first.records[1], cell=replace(first.records[1].cell, task="other"), id="stranger")
    append_record(house.folder().records_path, stranger)
    assert house.run("same").records == first.records
