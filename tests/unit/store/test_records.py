"""records.jsonl: whatever happened to the file, a reader gets every whole record and never an exception."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.reading import ENERGY_PROVENANCE, Reading
from bench.record import BadRecord, Ratio, Record
from bench.store import append_record, find_records, read_records
from bench.suite.cell import Cell, Step


def record(name: str = "cut", **more: object) -> Record:
    made = Record(id=name, status="ok", cell=Cell("s", "house", (Step(name),), "numpy"))
    return replace(made, **more)  # type: ignore[arg-type]


def test_append_and_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "records.jsonl"
    wanted = [record("a"), record("b", reason="why\nnot <b>", status="failed")]
    for each in wanted:
        append_record(path, each)
    assert read_records(path) == wanted
    assert len(path.read_bytes().splitlines()) == 2


def test_the_last_record_of_a_cell_wins_and_comes_last(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for each in (record("a"), record("b"), record("a", reason="again", status="failed")):
        append_record(path, each)
    assert [(each.id, each.status) for each in read_records(path)] == [("b", "ok"), ("a", "failed")]


def test_a_line_torn_at_any_byte_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for name in ("a", "b"):
        append_record(path, record(name))
    data = path.read_bytes()
    second = data.index(b"\n") + 1
    for end in range(second, len(data) - 1):
        path.write_bytes(data[:end])
        assert [each.id for each in read_records(path, strict=True)] == ["a"]
    path.write_bytes(data)
    assert [each.id for each in read_records(path)] == ["a", "b"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_the_next_append_cuts_a_torn_line_off(tmp_path: Path, share: float) -> None:
    path = tmp_path / "records.jsonl"
    for name in ("a", "b"):
        append_record(path, record(name))
    data = path.read_bytes()
    second = data.index(b"\n") + 1
    path.write_bytes(data[: second + int(share * (len(data) - second - 1)) + 1])
    append_record(path, record("c"))
    assert [each.id for each in read_records(path, strict=True)] == ["a", "c"]


def test_a_record_that_lacks_its_line_break_only_is_read_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for name in ("a", "b"):
        append_record(path, record(name))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert [each.id for each in read_records(path, strict=True)] == ["a", "b"]
    append_record(path, record("c"))
    assert [each.id for each in read_records(path, strict=True)] == ["a", "b", "c"]


def test_what_no_reader_would_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_record(path, record("a"))
    with pytest.raises(BadRecord, match="its joules reading lacks kind"):
        append_record(path, record("b", readings={"joules": Reading("J", "measured", 1.0, 0.9, 1.1)}))
    assert [each.id for each in read_records(path, strict=True)] == ["a"]


def test_a_bad_line_that_a_later_record_replaced_stops_nobody_and_is_told(tmp_path: Path) -> None:
    path, told = tmp_path / "records.jsonl", []
    bad = {**record("a").to_json(), "launches": "many"}
    path.write_text(json.dumps(bad) + "\n")
    append_record(path, record("b"))
    with pytest.raises(BadRecord, match=r":1: "):
        read_records(path, strict=True)
    append_record(path, record("a"))
    assert [each.id for each in find_records([path], strict=True, say=told.append)] == ["b", "a"]
    (text,) = told
    assert text.startswith(f"{path}:1: passed over")


BAD = [
    b"",
    b"{}",
    b"nonsense",
    b"\xff\xfe",
    b"[" * 200_000,
    b"[1]",
    b'{"schema": "bench.record/1"}',
    b'{"schema": "bench.record/9"}',
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_passed_over_or_named(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "records.jsonl"
    append_record(path, record("a"))
    with path.open("ab") as stream:
        stream.write(bad + b"\n")
    append_record(path, record("b"))
    assert [each.id for each in read_records(path)] == ["a", "b"]
    with pytest.raises(BadRecord) as caught:
        read_records(path, strict=True)
    assert str(caught.value).startswith(f"{path}:2: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=5), x, max_size=2),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_record_with_any_field_damaged_is_read_or_refused(data: st.DataObject) -> None:
    """Never anything but a Record or a BadRecord, and what is accepted can be read and written on."""
    full = record(
        "a",
        readings={"latency": Reading("s", "measured", 1.0, 0.9, 1.1)},
        ratios={"size": Ratio(1, 1, 1, "x", "counted")},
    )
    document = json.loads(json.dumps(full.to_json()))
    holder: object = document
    for _ in range(data.draw(st.integers(1, 4))):
        if not isinstance(holder, dict) or not holder:
            break
        key = data.draw(st.sampled_from(sorted(holder)))
        if data.draw(st.booleans()) or not isinstance(holder[key], (dict, list)) or not holder[key]:
            holder[key] = data.draw(JSON)
            break
        holder = holder[key] if isinstance(holder[key], dict) else holder[key][0]
    try:
        found = Record.from_json(document)
    except BadRecord:
        return
    assert found.cell.id
    assert Record.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_nan_and_infinity_become_null(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    unbounded = Ratio(1.5, 0.0, float("inf"), "base", "paired-floor", n=1, facts={"work": float("nan")})
    facts = {"quantiles": {"p50": [1.0, float("nan"), 2.0]}, "launches": 1}
    reading = Reading("s", "measured", 1.0, float("-inf"), float("inf"), facts=facts)
    append_record(path, record("a", ratios={"latency": unbounded}, readings={"latency": reading}))
    assert b"NaN" not in path.read_bytes()
    assert b"Infinity" not in path.read_bytes()
    (found,) = read_records(path, strict=True)
    assert (found.ratios["latency"].low, found.ratios["latency"].high) == (0.0, None)
    assert (found.readings["latency"].low, found.readings["latency"].high) == (None, None)
    assert found.readings["latency"].facts["quantiles"]["p50"] == [1.0, None, 2.0]


def test_hostile_text_stays_data(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    text = "<script>\u2028\n\r\x00\x1b[31m\ud800 {}".encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    append_record(path, record("a", reason=text, status="failed"))
    assert read_records(path, strict=True)[0].reason == text


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    append_record(tmp_path / "results" / "mobile-1" / "records.jsonl", record("a"))
    assert len(find_records([tmp_path / "results"])) == 1
    assert len(find_records([tmp_path / "results" / "mobile-1"])) == 1
    with pytest.raises(BenchError, match=r"Did you mean 'mobile-1'"):
        find_records([tmp_path / "results" / "mobile-2"])
    with pytest.raises(BenchError, match=r"no records\.jsonl"):
        (tmp_path / "empty").mkdir()
        find_records([tmp_path / "empty"])
    with pytest.raises(BenchError, match="cannot read"):
        read_records(tmp_path)


COST = {
    "value": 7.0,
    "low": 6.0,
    "high": 8.0,
    "unit": "J",
    "class": "estimated",
    "meter": "m",
    "kind": "k",
    "meter_version": "1",
    "domains": ["cpu"],
    "period_s": 1e-9,
    "window_s": 2.0,
    "n_windows": 1,
    "n_invalid": 0,
    "share": 1.0,
    "steal": None,
    "uncertainty": {"total_j": 1.0},
    "coefficients": {"watts_per_cpu": 3.5},
}


@pytest.mark.parametrize("where", ["energy", "phases", "training", "break_even"])
@pytest.mark.parametrize("name", ["kind", "meter", "meter_version", "domains", "window_s", "n_windows", "n_invalid"])
def test_joules_of_compression_owe_their_provenance_wherever_they_stand(where: str, name: str) -> None:
    def document(energy: dict[str, object]) -> dict[str, object]:
        places: dict[str, object] = {
            "energy": energy,
            "phases": {"train": {"energy": energy}},
            "training": [{"energy": energy}],
            "break_even": {"cost": energy},
        }
        return record(compression={where: places[where]}).to_json()

    assert Record.from_json(document(COST)).compression
    with pytest.raises(BadRecord, match=rf"compression.*lacks {name}"):
        Record.from_json(document({key: value for key, value in COST.items() if key != name}))


@pytest.mark.parametrize("key", ["energy", "train_energy"])
@pytest.mark.parametrize("name", [*ENERGY_PROVENANCE, "coefficients"])
def test_joules_of_a_step_owe_theirs_in_the_lineage(key: str, name: str) -> None:
    whole = record(lineage=({"step": "prune", key: COST},)).to_json()
    assert Record.from_json(whole).lineage
    del whole["lineage"][0][key]  # type: ignore[index]
    whole["lineage"][0][key] = {at: each for at, each in COST.items() if at != name}  # type: ignore[index]
    with pytest.raises(BadRecord, match=rf"lineage\[0\]\.{key} reading lacks {name}"):
        Record.from_json(whole)


def test_a_record_from_before_costs_had_joules_still_loads() -> None:
    old = record(compression={"seconds": 1.5, "train_s": 0.5}).to_json()
    assert Record.from_json(old).compression == {"seconds": 1.5, "train_s": 0.5}
