"""Verdicts of what is measured launch by launch, candidate beside baseline: latency, memory, joules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.gate.allowed import place_of
from bench.gate.rule import Decision, GateLimits
from bench.gate.verdicts import MetricVerdict, Outcome, Place
from bench.record import Ratio
from bench.stats import confidence_sequence, log_e_value
from bench.suite.gating import Allowance

# The kernel counts pages in batches and a runtime's arenas grow in steps: a peak below this is not resolved.
RESOLVED_BYTES = 1_000_000.0
SAYS = {"pass": "no slower than allowed", "fail": "slower than allowed", "inconclusive": "not decided"}


def latency_verdict(
    decision: Decision,
    limits: GateLimits,
    *,
    text: str,
    seconds: tuple[float | None, float | None] = (None, None),
    smallest: float | None = None,
    carried: int = 0,
    descheduled: bool = False,
    level: str = "error",
    place: Place | None = None,
) -> MetricVerdict:
    """Return the verdict of the two channels. `seconds` are the floors of baseline and candidate."""
    floor = decision.channels["floor"]
    ratio = None if floor.value is None else (floor.value, floor.low, floor.high)
    outcome: Outcome = "warn" if decision.outcome == "fail" and level == "warn" else decision.outcome
    return MetricVerdict(
        "latency",
        "paired",
        outcome,
        _why(decision, limits, carried, descheduled),
        "s",
        "measured",
        *seconds,
        ratio=ratio,
        limit=text,
        smallest=smallest,
        channels={name: asdict(each) for name, each in decision.channels.items()},
        place=place,
    )


def _why(decision: Decision, limits: GateLimits, carried: int, descheduled: bool) -> str:
    said = [SAYS[decision.outcome]]
    failed = [name for name, each in decision.channels.items() if each.log_e_fail >= -math.log(limits.alpha)]
    if decision.outcome == "fail" and failed == ["work"]:
        said.append("the fastest calls are as fast, but it takes more processor time: some calls became slower")
    launches = max(each.launches for each in decision.channels.values())
    said.append(f"{launches} launches" + (f", {carried} of them of earlier gates" if carried else ""))
    if descheduled:
        said.append("the machine was busy, so only processor time could pass it")
    return "; ".join(said)


def memory_ratio(mine: float, base: float) -> float:
    """Return the log-ratio of two peaks in bytes; what is not resolved counts as RESOLVED_BYTES."""
    return math.log(max(mine, RESOLVED_BYTES) / max(base, RESOLVED_BYTES))


def decide_growth(values: Sequence[float], limit: float, alpha: float, comparisons: int) -> Outcome:
    """Judge log-ratios, one a launch, against one relative limit; anytime-valid like the rule of two channels."""
    if not values:
        return "inconclusive"
    allowed = math.log1p(limit)
    if log_e_value(values, allowed, "greater") >= math.log(comparisons / alpha):
        return "fail"
    return "pass" if log_e_value(values, allowed, "less") >= -math.log(alpha) else "inconclusive"


def memory_verdict(
    values: Sequence[float],
    allowance: Allowance,
    alpha: float,
    comparisons: int,
    *,
    peaks: tuple[float | None, float | None] = (None, None),
    place: Place | None = None,
) -> MetricVerdict:
    """Return the verdict on peak memory during inference, from one log-ratio a launch."""
    outcome = decide_growth(values, allowance.value, alpha, comparisons)
    words = {"pass": "no more than allowed", "fail": "more than allowed", "inconclusive": "not decided"}[outcome]
    if outcome == "fail" and allowance.level == "warn":
        outcome = "warn"
    ratio = None
    if values:
        interval = confidence_sequence(values).mapped(math.exp)
        bounded = math.isfinite(interval.high)
        ratio = (interval.value, interval.low if bounded else None, interval.high if bounded else None)
    why = f"{words}; {len(values)} launches"
    if all(each is not None and each < RESOLVED_BYTES for each in peaks):
        why += "; both peaks are below 1 MB, which is not resolved"
    return MetricVerdict(
        "memory",
        "paired",
        outcome,
        why,
        "B",
        "measured",
        *peaks,
        ratio=ratio,
        limit=allowance.text,
        place=place_of(allowance) or place,
    )


def energy_verdict(ratio: Ratio | None, why_not: str, allowance: Allowance, place: Place | None) -> MetricVerdict:
    """Return the verdict on joules: only of windows of one meter, by their interval; an estimate is never judged."""
    where: dict[str, Any] = {"limit": allowance.text, "place": place_of(allowance) or place}
    if ratio is None or ratio.class_ not in ("measured", "derived"):
        said = why_not if ratio is None else f"joules here are {ratio.class_}: an estimate is never gated"
        return MetricVerdict("energy", "paired", "not-comparable", said, "J", "unavailable", **where)
    outcome: Outcome = "inconclusive"
    if ratio.low is not None and ratio.low > 1 + allowance.value:
        outcome = "warn" if allowance.level == "warn" else "fail"
    elif ratio.high is not None and ratio.high <= 1 + allowance.value:
        outcome = "pass"
    bounds = (ratio.value, ratio.low, ratio.high)
    why = f"{ratio.n} pairs of windows"
    return MetricVerdict("energy", "paired", outcome, why, "J", ratio.class_, ratio=bounds, **where)
