"""The nouns: artifacts, readings, records, cells, machine facts. What is read back was written, or is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import machine
from bench.artifact import Artifact, digest_of
from bench.doctor import examine_machine, examine_meters, examine_offers, examine_timing
from bench.reading import CLASSES, ENERGY_PROVENANCE, Reading
from bench.record import BadRecord, Ratio, Record
from bench.suite.cell import Cell, Step

FLOAT = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
PLAIN = st.dictionaries(TEXT.map(lambda name: "f_" + name), FLOAT | TEXT | st.booleans() | st.none(), max_size=3)
READINGS = st.builds(
    Reading, unit=TEXT, class_=st.sampled_from(CLASSES[:-1]), value=FLOAT,
    low=st.none() | FLOAT, high=st.none() | FLOAT, n=st.none() | st.integers(0, 99), meter=st.none() | TEXT,
    facts=PLAIN,
) | st.builds(Reading.missing, TEXT, st.text(min_size=1, max_size=9))  # fmt: skip
OPTIONS = st.dictionaries(TEXT, FLOAT | TEXT | st.booleans() | st.lists(st.integers(), max_size=2), max_size=2)
CELLS = st.builds(
    Cell, suite=TEXT, task=TEXT, recipe=st.lists(st.builds(Step, TEXT, OPTIONS), max_size=3).map(tuple), backend=TEXT,
    device=TEXT, batch=st.integers(1, 64), threads=st.integers(1, 8), backend_options=OPTIONS,
)  # fmt: skip
ENDS = st.tuples(FLOAT, FLOAT).map(sorted)
RATIOS = st.builds(
    lambda value, ends, *rest: Ratio(value, *ends, *rest),
    FLOAT, ENDS, TEXT, TEXT, st.none() | st.integers(0, 9), st.sampled_from(CLASSES), PLAIN,
)  # fmt: skip


@given(READINGS)
def test_readings_round_trip(reading: Reading) -> None:
    assert Reading.from_json(json.loads(json.dumps(reading.to_json()))) == reading


@given(CELLS)
def test_cells_round_trip_and_keep_their_id(cell: Cell) -> None:
    found = Cell.from_json(json.loads(json.dumps(cell.to_json())))
    assert found == cell
    assert found.id == cell.id
    assert cell.comparison == cell.baseline().id
    assert (cell.id == cell.comparison) == cell.is_baseline


@given(CELLS, st.dictionaries(TEXT, RATIOS, max_size=2), st.sampled_from(["ok", "failed", "oom"]), st.none() | TEXT)
def test_records_round_trip(cell: Cell, ratios: dict[str, Ratio], status: str, reason: str | None) -> None:
    steps = tuple({"plugin": "p", "version": "1"} for _ in cell.recipe)
    readings = {"size": Reading.counted(3, "B"), "memory": Reading.missing("B", "why")}
    record = Record(
        "id", status, cell, reason=reason, ratios=ratios, readings=readings, steps=steps, lineage=({"step": "x"},)
    )  # type: ignore[arg-type]
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_an_id_depends_on_everything_but_the_suite() -> None:
    base = Cell("s", "t", (), "b")
    changed = [
        Cell("s", "u", (), "b"),
        Cell("s", "t", (Step("q"),), "b"),
        Cell("s", "t", (Step("q", {"a": 1}),), "b"),
        Cell("s", "t", (Step("q", {"a": 1.5}),), "b"),
        Cell("s", "t", (Step("q"), Step("q")), "b"),
        Cell("s", "t", (), "c"),
        Cell("s", "t", (), "b", batch=2),
        Cell("s", "t", (), "b", threads=2),
        Cell("s", "t", (), "b", device="cuda:0"),
        Cell("s", "t", (), "b", scenario="offline"),
        Cell("s", "t", (), "b", seed=1),
        Cell("s", "t", (), "b", backend_options={"compile": True}),
    ]
    assert len({base.id, *(each.id for each in changed)}) == len(changed) + 1
    assert Cell("other", "t", (), "b").id == base.id


@pytest.mark.parametrize(
    "bad",
    [
        {"unit": "s", "class_": "guessed", "value": 1.0},
        {"unit": "s", "class_": "measured"},
        {"unit": "s", "class_": "unavailable"},
        {"unit": "s", "class_": "unavailable", "value": 0.0, "reason": "why"},
        {"unit": "s", "class_": "measured", "value": float("nan")},
        {"unit": "s", "class_": "measured", "value": float("inf")},
        {"unit": "s", "class_": "measured", "value": "<script>"},
        {"unit": "s", "class_": "measured", "value": 1.0, "low": "0"},
        {"unit": "s", "class_": "estimated", "value": 1.0, "facts": {"class": "measured"}},
        {"unit": "s", "class_": "estimated", "value": 1.0, "facts": {"value": 2.0, "high": 1}},
    ],
)
def test_a_reading_that_says_nothing_or_lies_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Reading(**bad)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    assert Reading("s", "measured", np.float32(0.5)).value == 0.5  # type: ignore[arg-type]
    assert Reading.counted(np.int64(3), "1").value == 3  # type: ignore[arg-type]


ENERGY = {
    "value": 1.0,
    "unit": "J",
    "class": "estimated",
    "meter": "m",
    "low": 0.5,
    "high": 2.0,
    "n": 3,
    "per": "inference",
    "kind": "k",
    "meter_version": "1",
    "domains": ["cpu"],
    "period_s": 0.001,
    "window_s": 1.0,
    "n_windows": 3,
    "n_invalid": 0,
    "share": None,
    "steal": 0.0,
    "uncertainty": {"total_j": 0.1},
    "coefficients": {"watts": 3.5},
}


def document(**more: object) -> dict[str, object]:
    return {**Record("i", "ok", Cell("s", "t", (), "b")).to_json(), **more}


def test_joules_that_do_not_say_where_they_come_from_are_refused() -> None:
    assert Record.from_json(document(readings={"energy": ENERGY})).class_of_energy == "estimated"
    for name in (*ENERGY_PROVENANCE, "coefficients"):
        energy = {key: value for key, value in ENERGY.items() if key != name}
        for reading in ("energy", "energy_of_training"):
            with pytest.raises(BadRecord, match=f"its {reading} reading lacks {name}"):
                Record.from_json(document(readings={reading: energy}))
    measured = {key: value for key, value in {**ENERGY, "class": "measured"}.items() if key != "coefficients"}
    assert Record.from_json(document(readings={"energy": measured})).class_of_energy == "measured"
    without = {key: value for key, value in ENERGY.items() if key != "class"}
    with pytest.raises(BadRecord, match="damaged"):
        Record.from_json(document(readings={"energy": without}))
    missing = Reading.missing("J", "no meter").to_json()
    assert Record.from_json(document(readings={"energy": missing})).class_of_energy == "unavailable"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "bench.record/2"}, "newer joulebench"),
        ({"schema": "bench.suite/1"}, "not a joulebench record"),
        ({"status": "fine"}, "status must be one of"),
        ({"cell": {}}, "damaged"),
        ({"cell": None}, "damaged"),
        ({"readings": {"size": {"value": 1}}}, "damaged"),
        ({"readings": {"size": {"value": None, "unit": "B", "class": "counted"}}}, "never 0"),
        ({"ratios": {"size": {"value": 1, "class": "guessed"}}}, "class of a ratio"),
        ({"machine": "<script>"}, "'machine' must be mapping"),
        ({"launches": "5"}, "'launches' must be int"),
        ({"reason": {"a": 1}}, "'reason' must be str"),
    ],
)
def test_documents_that_are_no_record(change: dict[str, object], says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        Record.from_json(document(**change))


@pytest.mark.parametrize("data", [None, [], 3, "x", {}, {"schema": 3}])
def test_things_that_are_no_document(data: object) -> None:
    with pytest.raises(BadRecord, match="not a joulebench record"):
        Record.from_json(data)


def test_unknown_keys_of_newer_records_are_kept_or_left() -> None:
    record = Record.from_json(
        document(news=1, readings={"size": {"value": 1, "unit": "B", "class": "counted", "news": [2]}})
    )
    assert record.readings["size"].facts == {"news": [2]}


def test_an_artifact_is_named_by_its_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    first.write_bytes(b"x" * 3_000_000)
    second.write_bytes(b"x" * 3_000_000)
    one, two = (Artifact.of(each, "onnx", ({"step": "q"},)) for each in (first, second))
    assert one.digest == two.digest
    assert one.size_bytes == 3_000_000
    assert Artifact.from_json(json.loads(json.dumps(one.to_json()))) == one
    second.write_bytes(b"x" * 2_999_999 + b"y")
    assert digest_of(second) != one.digest


def test_a_folder_is_named_by_names_and_bytes(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, bytes]) -> str:
        for inner, data in files.items():
            path = tmp_path / name / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return digest_of(tmp_path / name)

    first = folder("1", {"a": b"1", "d/b": b"2"})
    assert first == folder("2", {"d/b": b"2", "a": b"1"})
    assert (
        len(
            {
                first,
                folder("3", {"a": b"2", "d/b": b"1"}),
                folder("4", {"b": b"1", "d/b": b"2"}),
                folder("5", {"a": b"1"}),
            }
        )
        == 4
    )


def test_a_machine_says_what_it_is_and_not_whose() -> None:
    import getpass
    import platform

    facts = machine.machine_facts()
    text = json.dumps(facts)
    assert facts["cores"] >= facts["cores_usable"] >= 1
    assert facts["memory_bytes"] > 1e8
    assert platform.node() not in facts.values()
    assert getpass.getuser() not in facts.values()
    assert str(Path.home()) not in text or str(Path.home()) == "/"
    assert machine.fingerprint(facts) == machine.fingerprint({**facts, "kernel": "other", "python": "4"})
    assert machine.fingerprint(facts) != machine.fingerprint({**facts, "processor": "other"})
    assert set(machine.load_facts()) == {"load_1min", "psi_some_avg10", "steal_s"}


@pytest.mark.parametrize(("text", "quota"), [("max 100000", None), ("150000 100000", 1.5), ("", None)])
def test_processor_quota(monkeypatch: pytest.MonkeyPatch, text: str, quota: float | None) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: text)
    assert machine.cgroup_quota() == quota


@pytest.mark.parametrize(("text", "limit"), [("max", None), ("1048576", 1048576), (None, None)])
def test_memory_limit(monkeypatch: pytest.MonkeyPatch, text: str | None, limit: int | None) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: text)
    assert machine.memory_limit_bytes() == limit


def test_the_doctor_names_what_is_missing_and_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = {each.subject for each in examine_machine()}
    assert subjects == {"processor", "governor", "load", "cgroup quota", "clock", "int8"}
    facts = {**machine.machine_facts(), "governor": "powersave", "cpu_quota": 0.5, "cores_usable": 2}
    monkeypatch.setattr("bench.doctor.machine_facts", lambda: facts)
    monkeypatch.setattr("bench.doctor.load_facts", lambda: {"load_1min": 4.0})
    found = {each.subject: each for each in examine_machine()}
    assert "cpupower" in found["governor"].cure
    assert (found["load"].state, found["cgroup quota"].state) == ("note", "note")


def test_the_doctor_says_how_long_a_meters_windows_must_be() -> None:
    answer = {"period_s": 0.1, "fine_s": 25.0, "window_s": 10.0, "zones": []}
    (found,) = examine_timing("nvml", answer)
    assert found.seen == "a new value every 100 ms; 1 % takes windows of 25.0 s; a run's windows last 10.0 s"
    meters = examine_meters({"nvml": None}, {"nvml": "measured"}, {"nvml": answer})
    assert meters[0].seen == f"can read here, class measured; {found.seen}"
    (never,) = examine_timing("nvml", {**answer, "fine_s": None})
    assert "1 % is given by no length of window" in never.seen
    assert examine_timing("nvml", {"zones": []}) == []


def test_the_doctor_says_when_joules_can_only_be_estimated() -> None:
    only_estimates = examine_meters({"rapl": "no counters in a virtual machine", "cpu": None}, {"cpu": "estimated"})
    assert only_estimates[-1].subject == "energy"
    assert "estimated" in only_estimates[-1].seen
    measuring = examine_meters({"rapl": None, "cpu": None}, {"cpu": "estimated", "rapl": "measured"})
    assert "energy" not in {each.subject for each in measuring}
    found = examine_offers({"backend torch": None, "backend x": "needs y"}, ["plugin 'z' did not load"])
    assert [each.state for each in found] == ["ok", "note", "problem"]
