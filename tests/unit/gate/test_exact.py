"""Exact metrics and outputs: what is larger than allowed fails, what cannot be compared is never a pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.exact import judge_exact, judge_outputs
from bench.gate.facts import CellFacts
from bench.reading import Reading
from bench.suite.gating import Allowance, Gating


def facts(size: int | None, **more: object) -> CellFacts:
    counts = {} if size is None else {"size": Reading.counted(size, "B")}
    return CellFacts("c", "cell", **{"artifact": "a", "counts": counts, "task": "t", "machine": "m", **more})


def budget(growth: float, level: str = "error") -> Gating:
    return Gating((Allowance("size", "growth", growth, f"{growth:+.0%}", level=level, where=("b.yaml", 3, 1)),))


@pytest.mark.parametrize(
    ("before", "now", "gating", "outcome"),
    [
        (1000, 1000, Gating(), "pass"),
        (1000, 1010, Gating(), "pass"),
        (1000, 1011, Gating(), "fail"),
        (1000, 500, Gating(), "pass"),
        (1000, 1001, budget(0.0), "fail"),
        (1000, 1001, budget(0.0, "warn"), "warn"),
        (1000, 1000, budget(-0.1), "fail"),
        (1000, 900, budget(-0.1), "pass"),
        (0, 0, Gating(), "pass"),
        (0, 1, Gating(), "fail"),
        (None, 1000, Gating(), "not-comparable"),
        (1000, None, Gating(), "not-comparable"),
    ],
)
def test_growth(before: int | None, now: int | None, gating: Gating, outcome: str) -> None:
    (found,) = judge_exact(facts(before), facts(now), gating, None)
    assert (found.outcome, found.baseline, found.candidate) == (outcome, before, now)
    assert (found.place is not None) == bool(gating.allowances)


def test_what_neither_side_counts_is_not_spoken_of() -> None:
    assert judge_exact(facts(None), facts(None), Gating(), None) == []


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_more_is_never_better(before: int, now: int) -> None:
    (found,) = judge_exact(facts(before), facts(now), Gating(), None)
    assert (found.outcome == "fail") == (now > before * 1.01)


@pytest.mark.parametrize(
    ("base", "mine", "outcome"),
    [
        ({"outputs": ("x",)}, {"outputs": ("x",)}, "pass"),
        ({"outputs": ("x",)}, {"outputs": ("y",)}, "fail"),
        ({"outputs": ("x", "y")}, {"outputs": ("y",)}, "warn"),
        ({"outputs": ()}, {"outputs": ("y",)}, None),
        ({"outputs": ("x",)}, {"outputs": ("y",), "artifact": "b"}, None),
        ({"outputs": ("x",)}, {"outputs": ("y",), "machine": "n"}, None),
        ({"outputs": ("x",)}, {"outputs": ("y",), "task": "u"}, None),
    ],
)
def test_outputs_of_one_artifact(base: dict[str, object], mine: dict[str, object], outcome: str | None) -> None:
    found = judge_outputs(facts(1, **base), facts(1, **mine), None)
    assert (found and found.outcome) == outcome
