"""Exact metrics against the baseline's, and outputs of one artifact that must not change: no time, no doubt."""

from __future__ import annotations

from bench.gate.allowed import place_of
from bench.gate.facts import CellFacts
from bench.gate.verdicts import MetricVerdict, Outcome, Place
from bench.reading import Reading
from bench.suite.gating import EXACT, Allowance, Gating

# Another exporter's version string moves a few bytes; growth that anyone would care about is more.
GROWTH = Allowance("", "growth", 0.01, "+1 %")


def judge_exact(base: CellFacts, mine: CellFacts, gating: Gating, default: Place | None) -> list[MetricVerdict]:
    """Return a verdict for each exact metric that either side has."""
    found = []
    for name in EXACT:
        theirs, ours = _known(base, name), _known(mine, name)
        if theirs is not None or ours is not None:
            allowance = gating.of(name, relative=True) or GROWTH
            found.append(_judge(name, theirs, ours, allowance, default))
    return found


def judge_outputs(base: CellFacts, mine: CellFacts, default: Place | None) -> MetricVerdict | None:
    """Return the verdict on one artifact's outputs for the same inputs; None where they cannot be compared."""
    known = base.outputs and mine.outputs and base.artifact == mine.artifact
    if not known or base.task != mine.task or base.machine != mine.machine:
        return None
    if len(base.outputs) > 1 or len(mine.outputs) > 1:
        why = "the same inputs do not always give the same outputs: not compared"
        return MetricVerdict("outputs", "exact", "warn", why, place=default)
    if base.outputs == mine.outputs:
        return MetricVerdict("outputs", "exact", "pass", "the same artifact gives the same outputs", place=default)
    why = "the same artifact (by digest) gives other outputs for the same inputs"
    cure = " on the same runtime" if base.runtime == mine.runtime else ": the runtime changed, and changed the results"
    return MetricVerdict("outputs", "exact", "fail", why + cure, place=default)


def _known(facts: CellFacts, name: str) -> Reading | None:
    reading = facts.counts.get(name)
    return reading if reading is not None and reading.value is not None else None


def _judge(
    name: str, base: Reading | None, mine: Reading | None, allowance: Allowance, default: Place | None
) -> MetricVerdict:
    unit = (mine or base or Reading.counted(0, "1")).unit
    place = place_of(allowance) or default
    if base is None or mine is None:
        why = f"it is counted {'in the baseline' if mine is None else 'here'} only"
        values = (base.value if base else None, mine.value if mine else None)
        return MetricVerdict(
            name, "exact", "not-comparable", why, unit, "counted", *values, limit=allowance.text, place=place
        )
    before, now = float(base.value or 0), float(mine.value or 0)
    ratio = now / before if before else None
    outcome, why = _words(before, now, allowance)
    return MetricVerdict(
        name,
        "exact",
        outcome,
        why,
        unit,
        "counted",
        before,
        now,
        (ratio, ratio, ratio) if ratio is not None else None,
        allowance.text,
        place=place,
    )


def _words(before: float, now: float, allowance: Allowance) -> tuple[Outcome, str]:
    if now == before:
        return ("pass", "unchanged") if allowance.value >= 0 else (_worst(allowance), "unchanged, and had to shrink")
    change = f"{'larger' if now > before else 'smaller'} by {abs(now - before):,.0f}"
    over = now > before * (1 + allowance.value)
    return (_worst(allowance), f"{change}, more than the {allowance.text} allowed") if over else ("pass", change)


def _worst(allowance: Allowance) -> Outcome:
    return "warn" if allowance.level == "warn" else "fail"
