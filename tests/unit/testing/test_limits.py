"""Limits of the fixture: what they say, and what an interval makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.reading import Reading
from bench.record import Ratio
from bench.testing.limits import judge, parse

LATENCY = {"quantiles": {"p90": [0.012, 0.0115, 0.0125]}}
READINGS = {
    "latency": Reading("s", "measured", 0.0101, 0.0100, 0.0102, 90, facts=LATENCY),
    "energy": Reading("J", "estimated", 0.5, 0.25, 1.0),
    "memory": Reading("B", "measured", 5e6),
    "size": Reading.counted(101, "B"),
}
BASELINE = {"latency": Reading("s", "measured", 0.01, 0.0099, 0.0101), "size": Reading.counted(100, "B")}
RATIOS = {"latency": Ratio(1.0, 0.98, 1.02, "baseline", "paired launches", 9)}


@pytest.mark.parametrize(
    ("limits", "outcome", "said"),
    [
        ("latency: +5 %", "pass", "paired launches"),
        ("latency: +1 %", "inconclusive", "not decided"),
        ("latency: -4 %", "fail", "more than allowed"),
        ("latency: 11 ms", "pass", "by the interval"),
        ("latency: 10.1 ms", "inconclusive", "not decided"),
        ("latency: 9 ms", "fail", "more than allowed"),
        ("latency_p90: 12.5 ms", "pass", ""),
        ("latency_p99: 1 s", "not-comparable", "does not support the p99"),
        ("memory: 9 MB", "inconclusive", "no interval"),
        ("memory: +5 %", "not-comparable", "not read on both sides"),
        ("size: +0 %", "fail", "counted"),
        ("size: +1 %", "pass", "counted"),
        ("size: 101 B", "pass", ""),
        ("size: 100 B", "fail", ""),
        ("energy: 9 J", "not-comparable", "an estimate is never gated"),
        ("flops: 9 MFLOP", "not-comparable", "it was not read"),
    ],
)
def test_verdicts(limits: str, outcome: str, said: str) -> None:
    (limit,) = parse(limits, against=True)
    found = judge(limit, READINGS, RATIOS, BASELINE)
    assert found.outcome == outcome
    assert said in found.why
    assert found.limit == limits.partition(": ")[2]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("latancy: 9 ms", "Did you mean 'latency'"),
        ("latency: 9 MB", "'MB' is not a unit of time"),
        ("latency: 0 ms", "nothing can keep"),
        ("latency_p90: +5 %", "a relative limit is one of latency, energy"),
        ("quality_drop: 1 pp", "unknown limit 'quality_drop'"),
        ("latency", "expected a time"),
    ],
)
def test_mistakes(limits: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        parse(limits, against=True)


def test_a_doubtful_value_keeps_no_limit_and_breaks_none() -> None:
    readings = {"latency": replace(READINGS["latency"], verdict="suspect", reasons=("other work",))}
    for text in ("latency: 1 ms", "latency: 1 s", "latency_p90: 1 s"):
        (limit,) = parse(text, against=False)
        found = judge(limit, readings, {}, {})
        assert (found.outcome, found.why) == ("inconclusive", "the reading is suspect: other work")


def test_a_relative_limit_needs_a_baseline() -> None:
    with pytest.raises(BenchError, match="is relative, and there is no baseline"):
        parse("latency: +5 %", against=False)


def test_without_limits_a_baseline_gates_the_latency() -> None:
    assert [each.text for each in parse(None, against=True)] == ["+5 %"]
    assert parse(None, against=False) == []
    assert parse({"size": "3 MB"}, against=False)[0].value == 3e6
