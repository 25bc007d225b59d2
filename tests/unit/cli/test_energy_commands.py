"""The commands that show joules: what they refuse, and what the doctor says of a tree."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import compare_command, doctor_command, gate_command, report_command, run_command, show_command
from bench.errors import BenchError
from bench.reading import ENERGY_PROVENANCE, Reading
from bench.record import BadRecord, Record
from bench.store import append_record, read_records
from bench.suite.cell import Cell, Step

from ..run.feeding import WATTS, fed

FACTS = {
    "per": "inference",
    "kind": "counter",
    "meter_version": "1",
    "domains": ["package"],
    "period_s": 0.001,
    "window_s": 1.0,
    "n_windows": 5,
    "n_invalid": 0,
    "share": None,
    "steal": 0.0,
    "uncertainty": {"total_j": 0.1},
}
OWED = [("measured", name) for name in ENERGY_PROVENANCE] + [
    ("estimated", name) for name in ("coefficients", "share", "uncertainty")
]


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_PLUGINS", "power")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def energy(class_: str) -> Reading:
    more = {"coefficients": {"watts": 3.5}} if class_ == "estimated" else {}
    return Reading("J", class_, 1.0, 0.9, 1.1, 5, "powercap", facts={**FACTS, **more})  # type: ignore[arg-type]


def results(base: Path, class_: str, strip: str | None = None) -> Path:
    """Write a run of two records, the second of which may have lost a field of its joules."""
    folder, whole = base / "results" / "run", base / "results" / "whole" / "records.jsonl"
    for index, recipe in enumerate([(), (Step("prune"),)]):
        quality = Reading("1", "measured", 0.9, 0.88, 0.92)
        readings = {"energy": energy(class_), "quality": quality, "latency": Reading("s", "measured", 1.0, 0.9, 1.1)}
        record = Record(f"id{index}", "ok", Cell("s", "t", recipe, "b"), "g", readings=readings)
        append_record(folder / "records.jsonl", record)
        append_record(whole, replace(record, id=f"whole{index}"))
    if strip:
        lines = (folder / "records.jsonl").read_text().splitlines()
        last = json.loads(lines[1])
        del last["readings"]["energy"][strip]
        (folder / "records.jsonl").write_text("\n".join([lines[0], json.dumps(last), ""]))
    return folder


def call(command: Any, *words: str) -> Any:
    found = CliRunner().invoke(command, list(words), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found


def commands(folder: Path) -> dict[str, tuple[Any, ...]]:
    base, suite = str(folder.parent), folder.parent.parent / "gated.yaml"
    suite.write_text("bench: 1\nname: s\nmatrix: {task: house, backend: numpy}\n")
    house = str(Path(__file__).parents[2] / "one_file" / "house.py")
    gated, out = (gate_command.command, str(suite), "-p", house, "--exact"), str(folder.parent.parent / "gate")
    return {
        "gate": (*gated, "-o", out, "--against", str(folder)),
        "gate creep": (*gated, "-o", out, "--against", str(folder.parent / "whole"), "--creep", str(folder)),
        "show": (show_command.command, "id1", "--results", base),
        "compare": (compare_command.command, "id0", "id1", "--results", base),
        "compare runs": (compare_command.command, str(folder), str(folder)),
        "report": (report_command.command, str(folder), "-o", str(folder.parent.parent / "site")),
    }


SHOWN = ("show", "compare", "compare runs", "report")
REFUSE = (*SHOWN, "gate", "gate creep")


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("class_", ["measured", "estimated"])
def test_whole_records_are_shown(tmp_path: Path, name: str, class_: str) -> None:
    call(*commands(results(tmp_path, class_))[name])


@pytest.mark.parametrize("name", REFUSE)
@pytest.mark.parametrize(("class_", "field"), OWED)
def test_a_joule_stripped_of_one_field_is_refused_by_all(tmp_path: Path, name: str, class_: str, field: str) -> None:
    command, *words = commands(results(tmp_path, class_, field))[name]
    with pytest.raises(BadRecord, match=rf"records\.jsonl:2: .*energy reading lacks {field}"):
        CliRunner().invoke(command, words, catch_exceptions=False)


RATIO = {
    "value": 0.5,
    "low": 0.4,
    "high": 0.6,
    "against": "id0",
    "method": "paired-energy",
    "n": 5,
    "class": "measured",
}


def everywhere(base: Path) -> tuple[Path, dict[str, Any]]:
    """Write a run whose second record has joules wherever a record may have them; return it and that record."""
    folder = results(base, "measured")
    one, other = energy("measured").to_json(), energy("estimated").to_json()
    lines = (folder / "records.jsonl").read_text().splitlines()
    whole = json.loads(lines[1])
    whole["readings"] |= {"energy_load": {**other, "per": "load"}, "energy_warm_up": {**one, "per": "warm-up"}}
    whole["ratios"] = {"energy": RATIO}
    whole["lineage"] = [{"step": "prune", "energy": one, "train_energy": one, "facts": {"value": 3, "class": "cat"}}]
    whole["compression"] = {
        "energy": other,
        "phases": {"train": {"energy": one}, "compress": {"energy": other}},
        "training": [{"energy": one}],
        "break_even": {"cost": one, "class": "measured"},
    }
    write(folder, lines[0], whole)
    return folder, json.loads(json.dumps(whole))  # no part of it shared with another


def write(folder: Path, first: str, whole: Any) -> None:
    (folder / "records.jsonl").write_text("\n".join([first, json.dumps(whole), ""]))


def joules_of(part: Any) -> list[dict[str, Any]]:
    """Return every reading of joules in a document, and every ratio of them."""
    if isinstance(part, list):
        return [found for each in part for found in joules_of(each)]
    if not isinstance(part, dict):
        return []
    own = [part] if part.get("unit") == "J" or part.get("method") == "paired-energy" else []
    return own + [found for each in part.values() for found in joules_of(each)]


def owed(reading: Any) -> list[str]:
    if "method" in reading:
        return ["class"]
    return ["class", "unit", *ENERGY_PROVENANCE, *(["coefficients"] if reading["class"] == "estimated" else [])]


PLACES = 11


def test_no_field_of_any_joule_can_be_stripped(tmp_path: Path) -> None:
    """Every reading anywhere in a record, every field that it owes, one at a time: the one reader refuses."""
    folder, whole = everywhere(tmp_path)
    first = (folder / "records.jsonl").read_text().splitlines()[0]
    assert read_records(folder / "records.jsonl", strict=True)
    assert len(joules_of(whole)) == PLACES
    for place in range(PLACES):
        for field in owed(joules_of(whole)[place]):
            stripped = copy.deepcopy(whole)
            del joules_of(stripped)[place][field]
            write(folder, first, stripped)
            with pytest.raises(BadRecord, match=field):
                read_records(folder / "records.jsonl", strict=True)


@pytest.mark.parametrize("name", REFUSE)
@pytest.mark.parametrize("place", range(PLACES))
def test_every_command_reads_through_that_reader(tmp_path: Path, name: str, place: int) -> None:
    folder, whole = everywhere(tmp_path)
    if name in SHOWN:
        call(*commands(folder)[name])
    first = (folder / "records.jsonl").read_text().splitlines()[0]
    field = owed(joules_of(whole)[place])[-1]
    del joules_of(whole)[place][field]
    write(folder, first, whole)
    command, *words = commands(folder)[name]
    with pytest.raises(BadRecord, match=rf"records\.jsonl:2: .*{field}"):
        CliRunner().invoke(command, words, catch_exceptions=False)


def test_a_stripped_record_does_not_hide_behind_an_older_one(tmp_path: Path) -> None:
    folder = results(tmp_path, "measured")
    lines = (folder / "records.jsonl").read_text().splitlines()
    again = json.loads(lines[1])
    del again["readings"]["energy"]["kind"]
    (folder / "records.jsonl").write_text("\n".join([*lines, json.dumps(again), ""]))
    with pytest.raises(BadRecord, match="lacks kind"):
        CliRunner().invoke(show_command.command, ["id1", "--results", str(folder.parent)], catch_exceptions=False)


def test_show_says_how_joules_were_obtained(tmp_path: Path) -> None:
    folder = results(tmp_path, "measured")
    out = call(show_command.command, "id1", "--results", str(folder.parent)).output
    assert "measured, by powercap" in out
    assert "5 windows of 1.00 s, none lost" in out


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    with fed(tmp_path / "powercap") as made:
        zone = tmp_path / "powercap" / "intel-rapl:0:0"
        zone.mkdir()
        (zone / "name").write_text("core\n")
        yield made.root


def test_the_doctor_lists_zones_sums_and_watts_of_a_tree(tree: Path) -> None:
    found = json.loads(call(doctor_command.command, "--root", str(tree), "--json").output)["findings"]
    seen = {each["subject"]: each["seen"] for each in found}
    assert "package-0, domain package: summed" in seen["powercap intel-rapl:0"]
    assert "core, domain core: inside" in seen["powercap intel-rapl:0:0"]
    assert seen["powercap sum"] == "package-0"
    watts = float(seen["powercap now"].split("package ")[1].split(" W")[0])
    assert watts == pytest.approx(WATTS, rel=0.1)
    assert "a new value every " in seen["powercap windows"]
    assert "1 % takes windows of" in seen["powercap windows"]


def test_the_doctor_finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no meter finds a zone"):
        CliRunner().invoke(doctor_command.command, ["--root", str(tmp_path)], catch_exceptions=False)


def test_the_doctor_says_of_every_meter_whether_it_reads_and_how_long_it_takes() -> None:
    found = json.loads(call(doctor_command.command, "--quick", "--json").output)["findings"]
    seen = {each["subject"]: each for each in found}
    for name in ("powercap", "hwmon", "battery", "nvml", "zeus", "command", "cpu-seconds", "utilisation"):
        each = seen[f"meter {name}"]
        assert each["state"] == "ok" or len(each["seen"]) > 10, each
    assert "no program is named" in seen["meter command"]["seen"]


SUITE = """\
bench: 1
name: s
matrix: {task: house, backend: numpy}
measure:
  repeat: 1s
  meter: {command: {program: "/bin/echo hello"}}
"""


def test_a_program_named_by_a_suite_is_not_started_unasked(tmp_path: Path) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(SUITE)
    plugin = str(Path(__file__).parents[2] / "one_file" / "house.py")
    words = [str(suite), "-p", plugin, "-o", str(tmp_path / "out")]
    with pytest.raises(BenchError, match=r"s\.yaml:6:3: this suite starts a program.*/bin/echo hello") as caught:
        CliRunner().invoke(run_command.command, words, catch_exceptions=False)
    assert caught.value.exit_code == 2
    assert "--allow-code" in str(caught.value.cure)
    assert not (tmp_path / "out").exists()
    call(run_command.command, *words, "--dry-run")
