"""Annotations: levels, places, and nothing that a name could say to the runner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.render import workflow_commands
from bench.gate.verdicts import CellVerdict, GateReport, Place

from .conftest import SLOWER, WORSE, cell, hostile

COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:\r\n]*)::(?P<message>[^\r\n]*)")


def lines(report: GateReport, root: str = "/checkout") -> list[str]:
    return workflow_commands(report, Path(root)).splitlines()


def test_a_failure_stands_on_its_line() -> None:
    found = lines(GateReport("s", "main", (cell("a: b, 100%", SLOWER),)))
    assert found[1].startswith("::error file=suites/mobile.yaml,line=31,title=FAIL latency%3A a%3A b%2C 100%25::1.042x")


@pytest.mark.parametrize(("policy", "level"), [("fail", "error"), ("warn", "warning"), ("pass", "notice")])
def test_undecided_is_as_loud_as_asked_for(policy: str, level: str) -> None:
    assert lines(GateReport("s", "main", (cell("a", WORSE),), inconclusive=policy))[1].startswith(f"::{level} ")


def test_files_are_named_from_the_checkout() -> None:
    places = [Place("/checkout/suites/x.yaml", 3), Place("/elsewhere/x.yaml", 3)]
    cells = [CellVerdict(str(index), "a", status="failed", place=each) for index, each in enumerate(places)]
    found = lines(GateReport("s", "main", tuple(cells)))
    assert "file=suites/x.yaml,line=3," in found[1]
    assert "file=/elsewhere/x.yaml,line=3," in found[2]


def test_the_checkout_is_where_github_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", "/checkout")
    gone = CellVerdict("1", "a", status="failed", place=Place("/checkout/s.yaml", 1))
    assert "file=s.yaml," in workflow_commands(GateReport("s", "main", (gone,)))


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=st.one_of(st.sampled_from("%:,\r\n#[]\\"), st.characters())))
def test_every_line_is_one_command_and_one_only(name: str) -> None:
    text = workflow_commands(hostile(name), Path("/checkout"))
    assert "##[" not in text
    for line in text.rstrip("\n").split("\n"):
        found = COMMAND.fullmatch(line)
        assert found, line
        keys = [each.partition("=")[0] for each in found["properties"].split(",")]
        assert keys in (["title"], ["file", "line", "title"])
