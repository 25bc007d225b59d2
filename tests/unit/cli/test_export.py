"""`bench export`: files of other tools, read by those tools."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bench.cli import export_command
from bench.errors import BenchError
from bench.gate.render import write_all
from bench.gate.verdicts import GateReport
from bench.reading import Reading
from bench.record import Record
from bench.store import Journal, Launch, append_record
from bench.suite.cell import Cell, Step

CELLS = (Cell("toys", "toy", (), "torch"), Cell("toys", "toy", (Step("prune"),), "torch"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for index, cell in enumerate(CELLS):
        readings = {"latency": Reading("s", "measured", 0.001, 0.0009, 0.0011, 90)}
        append_record(folder / "records.jsonl", Record(f"id{index}", "ok", cell, "g", readings=readings))
    blocks = {cell.id: np.full((2, 12), (index + 1) * 1_000_000, dtype=np.int64) for index, cell in enumerate(CELLS)}
    header = {"facts": {}, "import_ns": 1, "load_ns": 1, "first_ns": 1}
    of_each = {"artifacts": "a", "outputs": ["x"], "headers": header}
    meta = {name: dict.fromkeys(blocks, value) for name, value in of_each.items()}
    launch = Launch({"n": 7, "rounds": 2, "seconds": 1.0, **meta}, blocks)
    Journal(folder / "journal").append(CELLS[0].id, launch)
    return folder


def export(*arguments: object) -> Result:
    return CliRunner().invoke(export_command.command, [str(each) for each in arguments])


def test_the_history_is_read_by_the_tool_itself(run: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.json" for name in ("before", "after")]
    for file in files:
        assert export(run, "--format", "pytest-benchmark", "-o", file).exit_code == 0
    command = [sys.executable, "-m", "pytest_benchmark", "compare", *map(str, files), "--columns=mean,rounds"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    table = ended.stdout + ended.stderr
    assert table.count("prune · torch") == 2
    assert "1.0000" in table
    assert "2.0000" in table
    first = json.loads(files[0].read_text(encoding="utf-8"))["benchmarks"][1]["stats"]
    assert (first["mean"], first["rounds"]) == (pytest.approx(0.002), 8)


def test_without_a_journal_there_is_no_history(run: Path) -> None:
    for each in (run / "journal").rglob("*.npz"):
        each.unlink()
    found = export(run, "--format", "pytest-benchmark")
    assert isinstance(found.exception, BenchError)
    assert "journal" in str(found.exception)


@pytest.mark.parametrize("format_", ["csv", "json"])
def test_tables(run: Path, format_: str) -> None:
    found = export(run, "--format", format_)
    assert found.exit_code == 0
    assert "id1" in found.stdout


def test_a_badge_of_a_record(run: Path) -> None:
    found = export(run, "--format", "badge-json", "--record", "id1")
    assert json.loads(found.stdout)["message"] == "1.00 ms"
    assert export(run, "--format", "badge-svg", "--record", "id1").stdout.startswith("<svg")


def test_a_badge_of_many_is_an_error_that_lists_them(run: Path) -> None:
    found = export(run, "--format", "badge-svg")
    assert "id0" in str(found.exception)
    assert "--record" in str(found.exception)


def test_a_badge_of_a_gate(tmp_path: Path) -> None:
    write_all(GateReport("s", "main", ()), tmp_path)
    for place in (tmp_path, tmp_path / "gate.json"):
        assert json.loads(export(place, "--format", "badge-json").stdout)["message"] == "nothing judged"


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": "bench.gate/1"}', "not json"])
def test_what_is_no_gate_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "gate.json").write_text(text, encoding="utf-8")
    assert isinstance(export(tmp_path / "gate.json", "--format", "badge-json").exception, BenchError)


def test_a_gate_is_rendered_anew(tmp_path: Path) -> None:
    write_all(GateReport("s", "main", ()), tmp_path)
    assert "## Gate: NOTHING JUDGED" in export(tmp_path, "--format", "gate-md").stdout
    assert json.loads(export(tmp_path, "--format", "code-quality").stdout) == []


def test_records_are_no_gate(run: Path) -> None:
    assert "is of a gate" in str(export(run, "--format", "gate-md").exception)


def test_a_strangers_gate_may_hold_anything(tmp_path: Path) -> None:
    odd = {"schema": "bench.gate/1", "suite": 1, "against": None, "self_test": None, "notes": [3], "cells": []}
    for more in ({}, {"seconds": "long"}, {"cells": [3]}, {"cells": {}}, {"inconclusive": []}):
        (tmp_path / "gate.json").write_text(json.dumps({**odd, **more}), encoding="utf-8")
        found = export(tmp_path / "gate.json", "--format", "gate-md")
        assert found.exception is None or isinstance(found.exception, BenchError), found.exception
