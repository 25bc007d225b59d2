"""The verdict in words: never better than what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.gate.render.words import change_text, counts, fate, plain, ratio_text, sentence, verdict, worst_first
from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict, SelfTest

from .conftest import JOULES, SAME_SIZE, WORSE, cell


def report(*cells: CellVerdict, **more) -> GateReport:
    return GateReport("s", "main", cells, **more)


@pytest.mark.parametrize("policy", ["warn", "fail"])
def test_what_was_not_decided_is_no_pass(policy: str) -> None:
    undecided = report(cell("a", SAME_SIZE), cell("b", WORSE), inconclusive=policy)
    assert verdict(undecided) == "INCONCLUSIVE"


def test_unless_it_was_asked_for() -> None:
    undecided = report(cell("a", WORSE), inconclusive="pass")
    assert (verdict(undecided), counts(undecided)) == ("PASS", "1 inconclusive")


def test_a_gate_without_verdicts_is_no_pass() -> None:
    gone = CellVerdict("1", "a", status="unsupported", reason="no torch")
    assert verdict(report()) == verdict(report(gone)) == "NOTHING JUDGED"


def test_unfit_wins_and_says_why(mixed: GateReport) -> None:
    unfit = replace(mixed, self_test=SelfTest(False, reason="two identical copies differed"))
    assert verdict(unfit) == "UNFIT"
    assert "two identical copies differed" in fate(unfit)


def test_the_worst_comes_first(mixed: GateReport) -> None:
    outcomes = [(each.status, each.outcome) for each in worst_first(mixed)]
    assert outcomes[0] == outcomes[1] == ("ok", "fail")
    assert outcomes[-1] == ("ok", "pass")


def test_an_estimate_is_called_one() -> None:
    assert change_text(JOULES).endswith("estimated")
    assert "estimated" in sentence(JOULES)


def test_a_byte_more_can_be_seen() -> None:
    grown = MetricVerdict("size", "exact", "fail", "", "B", "counted", 3_000_000.0, 3_000_001.0)
    assert change_text(grown) == "3,000,000 B -> 3,000,001 B"


@pytest.mark.parametrize("end", [float("nan"), float("inf"), -float("inf")])
def test_numbers_without_bounds_are_said(end: float) -> None:
    odd = MetricVerdict("latency", "paired", "fail", "", "s", "measured", end, 1.0, (end, end, end), smallest=end)
    assert "unbounded" in change_text(odd)
    assert ratio_text(odd)
    assert "smallest" not in sentence(odd)


def test_one_line_whatever_is_in_it() -> None:
    assert (
        plain("a\nb\r\n\tc\x1b[31m\u202ed\u2028e") == "a b c\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}d e"
    )
    assert plain("x" * 50, 10) == "x" * 9 + "…"
    assert "##[" not in plain("##[error]gone")
