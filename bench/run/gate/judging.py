"""Judging: each candidate beside what the baseline kept of it, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.derive import derive_quality
from bench.derive import readings as reading_room
from bench.derive.energy import energy_ratio, measured_energy
from bench.derive.verdict import doubts
from bench.derive.verdict import judged as with_doubts
from bench.gate import allowed
from bench.gate.budget import judge_budget, quantile_of
from bench.gate.exact import judge_exact, judge_outputs
from bench.gate.facts import CellFacts
from bench.gate.paired import energy_verdict, latency_verdict, memory_verdict
from bench.gate.quality import judge_quality
from bench.gate.verdicts import MetricVerdict, Place
from bench.reading import Reading
from bench.run.built import Side
from bench.run.gate.pair import Pair, Rules
from bench.run.gate.parts import Kept, Part
from bench.suite.gating import Allowance, Gating

NO_METER = "no meter can read joules here, and an estimate is never gated"
TIMED = ("latency", "latency_p50", "latency_p90", "latency_p99", "memory", "energy")


@dataclass
class Trial:
    """A candidate against one baseline: what can be said at once, and the pair that is timed, if any."""

    part: Part
    kept: Kept
    tag: str = ""
    pair: Pair | None = None
    untimed: str = ""
    carried: int = 0
    smallest: float | None = None
    metrics: list[MetricVerdict] = field(default_factory=list)


def why_untimed(part: Part, kept: Kept, exact_only: bool) -> tuple[str, str]:
    """Return what to say of the latency without timing it: the outcome ("" to time it) and the reason."""
    base, mine = kept.facts, part.facts
    if exact_only:
        return "skip", ""
    if base.same_model(mine):
        return "pass", "the same artifact (by digest) on the same runtime: nothing to time"
    if kept.artifact is None or part.lost:
        return "not-comparable", kept.lost if kept.artifact is None else part.lost
    if base.artifact == mine.artifact and kept.spawn is None:
        why = "the artifact is the same and the runtime is another, which a kept run cannot bring back"
        return "not-comparable", f"{why}: gate against a git revision"
    return "", ""


def at_once(trial: Trial, gating: Gating, alpha: float, place: Place | None) -> list[MetricVerdict]:
    """Return the verdicts that take no time: exact metrics, outputs, quality."""
    base, mine = trial.kept.facts, trial.part.facts
    found = judge_exact(base, mine, gating, place)
    outputs = judge_outputs(base, mine, place)
    found += [outputs] if outputs is not None else []
    return [*found, quality(base, mine, gating.of("quality", relative=True) or allowed.QUALITY, alpha, place)]


def quality(base: CellFacts, mine: CellFacts, allowance: Allowance, alpha: float, place: Place | None) -> MetricVerdict:
    """Return the verdict on the drop of quality, example by example."""
    where = allowed.place_of(allowance) or place
    blank = MetricVerdict("quality", "quality", "not-comparable", "", limit=allowance.text, place=where)
    if base.outcomes is None or mine.outcomes is None:
        return replace(blank, why="the outcomes of every example are not known on both sides")
    if base.task != mine.task or len(base.outcomes) != len(mine.outcomes):
        return replace(blank, why="the task's data or its scoring is another: the examples do not pair")
    if base.same_model(mine) and np.array_equal(base.outcomes, mine.outcomes):
        value = float(np.mean(mine.outcomes))
        why = "the same artifact on the same runtime: every example came out the same"
        return replace(blank, outcome="pass", why=why, baseline=value, candidate=value)
    found = judge_quality(base.outcomes, mine.outcomes, mine.metric, allowance.value, alpha)
    outcome = "warn" if found.outcome == "fail" and allowance.level == "warn" else found.outcome
    return replace(found, outcome=outcome, limit=allowance.text, place=where)


def same_outcomes(mine: CellFacts, base: CellFacts) -> bool:
    """Whether every example came out the same, or nothing can be said: then there is nothing to test."""
    if mine.outcomes is None or base.outcomes is None or len(mine.outcomes) != len(base.outcomes):
        return True
    return bool(np.array_equal(mine.outcomes, base.outcomes))


def after_timing(trial: Trial, gating: Gating, rules: Rules, place: Place | None) -> list[MetricVerdict]:
    """Return the verdicts of the pair: latency, memory, and joules where a budget asks for them."""
    pair = trial.pair
    if pair is None:
        return []
    base, mine = pair.sides
    seconds = (pair.floors_s(base), pair.floors_s(mine))
    asked = gating.of("latency", relative=True)
    found = [
        latency_verdict(
            pair.decisions[mine.id],
            rules.limits,
            text=allowed.latency_text(gating),
            seconds=seconds,
            smallest=trial.smallest,
            carried=trial.carried,
            descheduled=pair.descheduled(mine),
            level=asked.level if asked else "error",
            place=(allowed.place_of(asked) if asked else None) or place,
        )
    ]
    values = pair.memory_ratios(mine)
    if values:
        allowance = gating.of("memory", relative=True) or allowed.MEMORY
        peaks = (pair.peak(base), pair.peak(mine))
        found.append(memory_verdict(values, allowance, rules.limits.alpha, rules.comparisons, peaks=peaks, place=place))
    if energy := gating.of("energy", relative=True):
        ratio = (
            energy_ratio(pair.launches, mine.id, base.id, base.id, mine.planned.cell.query_samples)
            if pair.launches
            else None
        )
        found.append(energy_verdict(ratio, NO_METER, energy, place))
    return found


def budgets(
    part: Part, anchor: Part | None, gating: Gating, pair: Pair | None, alpha: float, place: Place | None
) -> list[MetricVerdict]:
    """Return the verdicts on absolute budgets. `anchor` is the candidate's uncompressed cell, for `quality_drop`."""
    found = []
    for each in gating.allowances:
        if each.relative:
            continue
        if each.metric == "quality_drop":
            if anchor is not None and anchor is not part:
                relative = replace(each, how="growth", text=f"drop of at most {each.text}")
                made = quality(anchor.facts, part.facts, relative, alpha, place)
                found.append(replace(made, metric="quality_drop", kind="budget"))
            continue
        found.append(judge_budget(each, _reading(each.metric, part, pair), place))
    return found


def needs_timing(gating: Gating) -> bool:
    """Whether an absolute budget is on something that is timed."""
    return any(not each.relative and each.metric in TIMED for each in gating.allowances)


def _reading(metric: str, part: Part, pair: Pair | None) -> Reading | None:
    facts = part.facts
    if part.readings is not None:
        name = "latency" if metric.startswith("latency_") else metric
        found = part.readings.get(name)
        return quantile_of(found, metric) if found is not None and name != metric else found
    if metric == "quality":
        return None if facts.outcomes is None else derive_quality(facts.metric, facts.outcomes, None)
    if metric not in TIMED:
        return facts.counts.get(metric)
    if pair is None or not pair.launches:
        return Reading.missing("1", "nothing was timed in this gate")
    return _timed(metric, pair, part.side)


def _timed(metric: str, pair: Pair, side: Side) -> Reading:
    launches, batch, name = pair.launches, side.planned.cell.query_samples, metric.partition("_")[0]
    if name == "memory":
        found = reading_room.memory(launches, side.id)
    elif name == "energy":
        found = measured_energy(launches, side.id, (), batch) or Reading.missing("J", NO_METER)
    else:
        found = quantile_of(reading_room.latency(launches, side.id, batch), metric)
    return with_doubts({name: found}, doubts(launches, side.id, side.planned.cell.threads))[name]


def launch_spread(pairs: Sequence[Pair]) -> float | None:
    """Return the spread of one launch's log-ratio, pooled over pairs: the median absolute deviation, as a sd."""
    from bench.derive.launches import floor_ratios

    found: list[float] = []
    for pair in pairs:
        for side in pair.candidates:
            values = floor_ratios(pair.launches, side.id, pair.sides[0].id)
            if len(values) > 1:
                found += list(np.abs(values - np.median(values)) * np.sqrt(len(values) / (len(values) - 1)))
    return float(np.median(found)) * 1.4826 if found else None


def anchors(parts: Sequence[Part]) -> Mapping[str, Part]:
    """Return the uncompressed cell of each comparison."""
    return {each.comparison.id: each for each in parts if each.side.planned.cell.is_baseline}
