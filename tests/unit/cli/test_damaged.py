"""A record damaged in any field: `show`, `compare` and `report` say so, or show what is there; never a traceback."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.cli import compare_command, report_command, show_command
from bench.cli.comparing import compare_records
from bench.cli.show_command import _lines
from bench.errors import BenchError
from bench.publish.view import build_view
from bench.record import BadRecord, Record

# Two records of a real run, as the first version wrote them: they load for ever.
KEPT = Path(__file__).parents[2] / "records" / "0.1.0.jsonl"
BASELINE, CELL = (json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines())

ODD = st.sampled_from(
    [
        None,
        True,
        "x",
        "",
        3,
        -1,
        0,
        1.5,
        10**400,
        float("nan"),
        float("inf"),
        [],
        [1],
        ["x"],
        {},
        {"a": 1},
        [[]],
        "\u202e",
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Return a real record with one field, anywhere, replaced or gone."""
    document = copy.deepcopy(CELL)
    holder: Any = document
    while True:
        keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        key = draw(st.sampled_from(list(keys)))
        inner = holder[key]
        if isinstance(inner, (dict, list)) and inner and draw(st.integers(0, 3)):
            holder = inner
            continue
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(ODD)
        return document


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def test_the_whole_one_is_shown(place: Path) -> None:
    assert [result.exit_code for result in commands(place, CELL)] == [0, 0, 0, 0]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged())
def test_no_command_meets_what_it_cannot_read(place: Path, document: Any) -> None:
    for result in commands(place, document):
        error = result.exception
        assert error is None or isinstance(error, (BenchError, SystemExit)), repr(error)


@settings(deadline=None, max_examples=300)
@given(damaged())
def test_no_reader_of_records_does_either(document: Any) -> None:
    try:
        record, base = Record.from_json(json.loads(json.dumps(document))), Record.from_json(BASELINE)
    except BadRecord:
        return
    assert list(_lines(record, Path("run")))
    assert compare_records(base, record) + compare_records(record, base)
    assert build_view([base, record], title="t", generated="now").groups


@pytest.mark.parametrize(("path", "value"), [(("ratios", "latency", "value"), 0), (("lineage", 0, "seconds"), None)])
def test_what_once_gave_a_traceback(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(CELL)
    part: Any = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    record, base = Record.from_json(document), Record.from_json(BASELINE)
    assert list(_lines(record, Path("run")))
    assert compare_records(record, base)


def commands(place: Path, document: Any) -> list[Any]:
    """Run every reader over a folder of the baseline and the document."""
    folder = place / "run"
    folder.mkdir(exist_ok=True)
    (folder / "records.jsonl").write_text(f"{json.dumps(BASELINE)}\n{json.dumps(document)}\n")
    common = ["--results", str(place)]
    base, cell = BASELINE["id"], str(document.get("id") or CELL["id"])
    calls = [
        (show_command.command, [cell, *common]),
        (compare_command.command, [base, cell, *common]),
        (compare_command.command, [cell, base, *common]),
        (report_command.command, [str(folder), "-o", str(place / "site")]),
    ]
    return [CliRunner().invoke(*each) for each in calls]
