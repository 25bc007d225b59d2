"""The quality of a candidate against its baseline's, on the same examples: pass, fail or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.gate.verdicts import MetricVerdict, Outcome
from bench.stats import Interval, examples_needed, flips, paired_bounds
from bench.units import format_quantity

Floats = np.ndarray[Any, np.dtype[np.float64]]
Numbers = Floats | Sequence[float]


def judge_quality(
    baseline: Numbers,
    candidate: Numbers,
    metric: Mapping[str, Any],
    limit: float,
    alpha: float = 0.01,
) -> MetricVerdict:
    """Judge the drop of quality by per-example outcomes, shapes (n,), in the order of the examples.

    `metric` has `name`, `unit` and `higher_is_better`; `limit` is the drop allowed, in the metric's unit (0.01 is one
    point of a fraction), and `alpha` the level of this one verdict: a true drop at the limit fails with probability at
    most alpha, and passes with probability at most alpha. The drop is positive when the candidate is worse. Fail: the
    whole interval is beyond the limit; pass: the whole interval is short of it. Outcomes of different length are not
    comparable. Raises ValueError for outcomes that are not finite.
    """
    before, after = np.asarray(baseline, dtype=np.float64).ravel(), np.asarray(candidate, dtype=np.float64).ravel()
    if before.size != after.size or not before.size:
        counts = f"{before.size} examples of the baseline, {after.size} of the candidate"
        return _verdict(metric, "not-comparable", f"quality is compared example by example: {counts}", limit)
    better, worse = (before, after) if metric["higher_is_better"] else (after, before)
    drop = paired_bounds(worse, better, alpha)  # mean(better) - mean(worse): what was lost
    lost, gained = flips(worse, better)
    outcome = outcome_of(drop, limit)
    needed = _needed(drop, better - worse, limit, alpha) if outcome == "inconclusive" else None
    channel = {
        "value": drop.value,
        "low": _finite(drop.low),
        "high": _finite(drop.high),
        "gained": gained,
        "lost": lost,
        "examples": drop.n,
        "examples_needed": needed,
    }
    why = _why(metric, drop, gained, lost, needed)
    return _verdict(metric, outcome, why, limit, before, after, {"drop": channel})


def outcome_of(drop: Interval, limit: float) -> Outcome:
    """Return what a drop's interval says: fail or pass when all of it lies on one side of the limit."""
    return "fail" if drop.low > limit else "pass" if drop.high < limit else "inconclusive"


def _needed(drop: Interval, differences: Floats, limit: float, alpha: float) -> int | None:
    """Return how many examples would decide with 80 % power, were they like these; None where no number would.

    First what would pass a candidate that loses nothing; where there are as many already, what would tell the drop seen
    from the limit.
    """
    half = max(drop.high - drop.value, drop.value - drop.low)
    if not math.isfinite(half):
        return None
    # One example each way is added, as Bonett & Price do: none moved so far is not none ever.
    spread = math.sqrt(float((differences**2).sum() + 2 * (differences**2).max()) / drop.n)
    order = 2 if differences.any() else 1  # where nothing moved the interval shrinks with n, not with its root
    for distance in (limit, abs(limit - drop.value)):
        if distance > 1e-6:
            needed = max(examples_needed(spread, distance, alpha), math.ceil(drop.n * (half / distance) ** order))
            if needed > drop.n:
                return needed
    return None


def _why(metric: Mapping[str, Any], drop: Interval, gained: int, lost: int, needed: int | None) -> str:
    ends = [_shown(each, metric) if math.isfinite(each) else "unbounded" for each in (drop.low, drop.high)]
    moved = f"lost {_shown(drop.value, metric)}" if drop.value >= 0 else f"gained {_shown(-drop.value, metric)}"
    said = f"{metric['name']} {moved} on {drop.n} examples ({lost} worse, {gained} better; "
    said += f"the loss lies within {ends[0]} to {ends[1]})"
    return f"{said}: it would take about {needed} examples" if needed else said


def _verdict(
    metric: Mapping[str, Any],
    outcome: Outcome,
    why: str,
    limit: float,
    before: Floats | None = None,
    after: Floats | None = None,
    channels: Mapping[str, Mapping[str, Any]] | None = None,
) -> MetricVerdict:
    return MetricVerdict(
        "quality",
        "quality",
        outcome,
        why,
        unit=str(metric["unit"]),
        baseline=None if before is None else float(before.mean()),
        candidate=None if after is None else float(after.mean()),
        limit=f"a drop of at most {_shown(limit, metric)}",
        channels=channels or {},
    )


def _shown(drop: float, metric: Mapping[str, Any]) -> str:
    """Say a drop in points where the metric is a fraction."""
    unit = str(metric["unit"])
    return f"{round(100 * drop, 2) + 0.0:.2f} pp" if unit in ("1", "%") else format_quantity(drop, unit)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
