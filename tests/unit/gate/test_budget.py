"""Absolute budgets: the whole interval decides, and what was not read is never inside."""

import pytest

from bench.gate.budget import judge_budget, quantile_of
from bench.reading import Reading
from bench.suite.gating import Allowance

MISSING = Reading.missing("s", "no clock")


def reading(low: float | None, high: float | None, class_: str = "measured", **more: object) -> Reading:
    return Reading("s", class_, 1.0, low, high, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "limit", "low", "high", "outcome"),
    [
        ("at most", 1.2, 0.9, 1.1, "pass"),
        ("at most", 1.1, 0.9, 1.1, "pass"),
        ("at most", 1.0, 0.9, 1.1, "inconclusive"),
        ("at most", 0.8, 0.9, 1.1, "fail"),
        ("at most", 1.2, None, None, "inconclusive"),
        ("at most", 1.2, 0.9, float("inf"), "inconclusive"),
        ("at least", 0.8, 0.9, 1.1, "pass"),
        ("at least", 1.0, 0.9, 1.1, "inconclusive"),
        ("at least", 1.2, 0.9, 1.1, "fail"),
    ],
)
def test_the_whole_interval_decides(
    how: str, limit: float, low: float | None, high: float | None, outcome: str
) -> None:
    allowance = Allowance("latency", how, limit, f"{limit} s")  # type: ignore[arg-type]
    assert judge_budget(allowance, reading(low, high)).outcome == outcome
    gentle = Allowance("latency", how, limit, f"{limit} s", level="warn")  # type: ignore[arg-type]
    assert judge_budget(gentle, reading(low, high)).outcome == ("warn" if outcome == "fail" else outcome)


def test_what_was_not_read_or_is_estimated_is_not_comparable() -> None:
    allowance = Allowance("energy", "at most", 9.0, "9 J")
    assert judge_budget(allowance, None).outcome == "not-comparable"
    assert judge_budget(allowance, MISSING).why == "no clock"
    assert judge_budget(allowance, reading(0.9, 1.1, "estimated")).outcome == "not-comparable"
    assert judge_budget(allowance, reading(0.9, 1.1)).outcome == "pass"


def test_an_invalid_reading_decides_nothing_and_a_doubt_is_said() -> None:
    allowance = Allowance("latency", "at most", 9.0, "9 s")
    wrong = judge_budget(allowance, reading(0.9, 1.1, verdict="invalid", reasons=("wrong",)))
    assert (wrong.outcome, wrong.why) == ("inconclusive", "wrong")
    odd = judge_budget(allowance, reading(0.9, 1.1, verdict="suspect", reasons=("a busy machine",)))
    assert (odd.outcome, "a busy machine" in odd.why) == ("pass", True)


def test_a_quantile_is_that_of_the_latency_or_unavailable() -> None:
    latency = reading(0.9, 1.1, n=40, facts={"quantiles": {"p90": [2.0, 1.5, None]}})
    found = quantile_of(latency, "latency_p90")
    assert (found.value, found.low, found.high) == (2.0, 1.5, None)
    assert quantile_of(latency, "latency") is latency
    assert quantile_of(latency, "latency_p99").reason == "40 calls do not support p99"
    assert quantile_of(MISSING, "latency_p99") is MISSING
