"""All formats: one door, valid JSON, files in a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.gate.render import FORMATS, json_text, render, text, write_all
from bench.gate.verdicts import GateReport, MetricVerdict

from .conftest import cell


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_the_suite_and_the_verdict(name: str, mixed: GateReport) -> None:
    found = render(mixed, name)
    assert "mobile" in found
    assert "fail" in found.lower()
    assert found.endswith("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_an_empty_report(name: str) -> None:
    assert render(GateReport("s", "main", ()), name)


def test_another_format_is_refused() -> None:
    with pytest.raises(BenchError, match="Did you mean 'junit'"):
        render(GateReport("s", "main", ()), "junt")


def test_json_is_read_back(mixed: GateReport) -> None:
    assert GateReport.from_json(json.loads(json_text(mixed))) == mixed


def test_json_is_valid_whatever_the_numbers() -> None:
    odd = MetricVerdict("##[error]x", "paired", "fail", "", "s", "measured", float("nan"), float("inf"))
    found = json_text(GateReport("s", "main", (cell("a", odd),)))
    assert json.loads(found, parse_constant=pytest.fail)["cells"][0]["metrics"][0]["metric"] == "##[error]x"
    assert "##[" not in found


def test_the_files_of_a_gate(mixed: GateReport, tmp_path: Path) -> None:
    files = write_all(mixed, tmp_path / "out" / "gate")
    assert sorted(each.name for each in (tmp_path / "out" / "gate").iterdir()) == sorted(files)
    assert sorted(files) == ["gate.json", "gate.md", "gate.xml", "summary.md"]


def test_a_folder_that_cannot_be_written_is_an_error(mixed: GateReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BenchError, match="cannot write to"):
        write_all(mixed, tmp_path / "file" / "gate")


def test_colours_only_where_asked_for(mixed: GateReport) -> None:
    assert "\x1b" not in text(mixed)
    assert "\x1b[1;31mFAIL\x1b[0m" in text(mixed, colour=True)


def test_a_passing_gate_is_short(clean: GateReport) -> None:
    lines = text(clean).splitlines()
    assert lines[0].startswith("PASS  mobile against main: 1 passed")
    assert len(lines) == 3


def test_the_text_is_as_long_as_what_failed(mixed: GateReport) -> None:
    many = replace(mixed, cells=mixed.cells[:1] * 200)
    assert len(text(many).splitlines()) < 210
