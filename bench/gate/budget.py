"""Absolute budgets: a reading's whole interval inside passes, the whole interval beyond fails."""

from __future__ import annotations

from dataclasses import replace

from bench.gate.allowed import place_of
from bench.gate.verdicts import MetricVerdict, Outcome, Place
from bench.reading import Reading
from bench.suite.gating import Allowance


def judge_budget(allowance: Allowance, reading: Reading | None, default: Place | None = None) -> MetricVerdict:
    """Return the verdict on one absolute budget. What could not be read is not comparable, never a pass."""
    blank = MetricVerdict(
        allowance.metric,
        "budget",
        "not-comparable",
        "nothing was read",
        limit=_text(allowance),
        place=place_of(allowance) or default,
    )
    if reading is None or reading.value is None:
        return replace(blank, why=(reading and reading.reason) or blank.why, class_="unavailable")
    blank = replace(blank, unit=reading.unit, class_=reading.class_, candidate=reading.value)
    if allowance.metric == "energy" and reading.class_ == "estimated":
        return replace(blank, why="joules are estimated by a model of the processor's use, which is never gated")
    outcome = _outcome(allowance, reading)
    words = {"pass": "inside the budget", "inconclusive": "the interval straddles the budget"}
    if reading.verdict == "invalid":
        return replace(blank, outcome="inconclusive", why="; ".join(reading.reasons))
    shown = "warn" if outcome == "fail" and allowance.level == "warn" else outcome
    return replace(
        blank, outcome=shown, why="; ".join((words.get(outcome) or _beyond(allowance, reading), *reading.reasons))
    )


def quantile_of(reading: Reading, metric: str) -> Reading:
    """Return the reading of `latency_p90` from the latency's; unavailable where the sample does not support it."""
    quantile = metric.partition("_")[2]
    if not quantile or reading.value is None:
        return reading
    found = reading.facts.get("quantiles", {}).get(quantile)
    if not found:
        return Reading.missing("s", f"{reading.n} calls do not support {quantile}")
    return replace(reading, value=found[0], low=found[1], high=found[2])


def _outcome(allowance: Allowance, reading: Reading) -> Outcome:
    assert reading.value is not None
    low, high = reading.low, reading.high
    if allowance.how == "at least":
        low, high = (None if each is None else -each for each in (reading.high, reading.low))
    limit = -allowance.value if allowance.how == "at least" else allowance.value
    if low is not None and low > limit:
        return "fail"
    return "pass" if high is not None and high <= limit else "inconclusive"


def _beyond(allowance: Allowance, reading: Reading) -> str:
    assert reading.value is not None
    over = reading.value - allowance.value
    if reading.class_ == "counted":
        return f"over the budget by {over:,.0f} {reading.unit if reading.unit not in ('1', 'count') else ''}".rstrip()
    return "beyond the budget, with its whole interval"


def _text(allowance: Allowance) -> str:
    sign = {"at most": "at most ", "at least": "at least "}.get(allowance.how, "")
    return sign + allowance.text.lstrip("<>= ")
