"""The gate itself: candidates against a baseline, in the order that costs least and within the time there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from bench.gate import allowed
from bench.gate.rule import GateLimits, smallest_change
from bench.gate.verdicts import CellVerdict, MetricVerdict, Place, SelfTest
from bench.run.gate import evidence, judging, selftest
from bench.run.gate.building import probe
from bench.run.gate.judging import Trial
from bench.run.gate.measuring import Bench
from bench.run.gate.pair import Pair, Rules
from bench.run.gate.parts import Baseline, Kept, Part
from bench.run.gate.schedule import spend
from bench.suite.gating import Gating

EACH_S = 30.0
# The self-test of a gate whose time is capped may take this share of it.
TEST_SHARE = 0.34
TIMED_TESTS = 2  # latency (its two channels are counted by the rule) and memory of a cell


def _nowhere(cell: str) -> Place | None:
    del cell
    return None


@dataclass(frozen=True)
class Wanted:
    """What is asked of a gate: budgets, absolute ones besides, time, and whether anything is timed at all."""

    gating: Gating
    each_s: float = EACH_S
    total_s: float | None = None
    exact_only: bool = False
    whole: bool = True
    place: Callable[[str], Place | None] = _nowhere


@dataclass(frozen=True)
class Judged:
    """What a gate found."""

    cells: tuple[CellVerdict, ...]
    self_test: SelfTest | None
    notes: tuple[str, ...]


class Gate:
    """One gate over one or two baselines (the second is the last release, for what creeps)."""

    def __init__(self, bench: Bench, parts: Sequence[Part], baselines: Sequence[tuple[str, Baseline]], wanted: Wanted):
        self.bench, self.baselines, self.wanted = bench, baselines, wanted
        self.notes = [note for _, each in baselines for note in each.notes]
        self.parts = [self._probed(each) for each in parts]
        limits = allowed.limits_of(wanted.gating)
        memory = wanted.gating.of("memory", relative=True) or allowed.MEMORY
        count = sum(self._tests(part, kept) for part in self.parts for kept in self._kept(part))
        if wanted.gating.of(
            "quality_drop", relative=False
        ):  # beside the uncompressed cell: a test a cell, like the rest
            count += sum(part.facts.ok and not part.side.planned.cell.is_baseline for part in self.parts)
        self.rules = Rules(limits, memory.value, max(count, 1))

    def run(self) -> Judged:
        """Judge everything; only what must be timed takes time."""
        trials = [trial for part in self.parts if part.facts.ok for trial in self._trials(part)]
        alone = self._alone(trials)
        pairs = [each.pair for each in trials if each.pair is not None]
        began = time.monotonic()
        test = self._self_test([each for each in trials if each.pair is not None])
        if test is None or test.fit:
            left = self.wanted.total_s and max(self.wanted.total_s - (time.monotonic() - began), 0.0)
            spend([*pairs, *alone.values()], self.wanted.each_s, left, self.bench.tell)
        for pair in [*pairs, *alone.values()]:
            pair.close()
        for trial in trials:
            self._conclude(trial)
        self._note_smallest(trials)
        cells = [self._cell(part, [t for t in trials if t.part is part], alone) for part in self.parts]
        return Judged((*cells, *self._missing()), test, tuple(dict.fromkeys(self.notes)))

    def _kept(self, part: Part) -> list[Kept]:
        """Return what the baselines have to compare a part with."""
        if not part.facts.ok:
            return []
        known = [each.cells.get(part.side.planned.cell.id) for _, each in self.baselines]
        return [each for each in known if each is not None and each.facts.ok]

    def _tests(self, part: Part, kept: Kept) -> int:
        """Return how many comparisons may give a false alarm: what cannot differ is none."""
        timed = not judging.why_untimed(part, kept, self.wanted.exact_only)[0]
        return TIMED_TESTS * timed + (not judging.same_outcomes(part.facts, kept.facts))

    def _probed(self, part: Part) -> Part:
        """Look at the outputs of a part whose artifact the baseline has too: a digest says nothing of the runtime."""
        kept = [each.facts for each in self._kept(part) if each.facts.artifact == part.facts.artifact]
        known = [each for each in kept if each.outputs]
        if not known or part.readings is not None:  # a kept run has its outputs in its journal
            return part
        found = probe(part, self.bench.builder)
        differs = any(set(each.outputs) != set(found.facts.outputs) for each in known)
        return probe(found, self.bench.builder, again=True) if differs else found

    def _trials(self, part: Part) -> list[Trial]:
        found = []
        for tag, baseline in self.baselines:
            kept = baseline.cells.get(part.side.planned.cell.id)
            if kept is None or not kept.facts.ok:
                continue
            trial = Trial(part, kept, tag)
            outcome, why = judging.why_untimed(part, kept, self.wanted.exact_only)
            if not outcome:
                trial.pair = self._pair(trial)
            elif outcome != "skip":
                text = allowed.latency_text(self.wanted.gating)
                place = self.wanted.place(part.side.planned.cell.id)
                kind = "paired"
                trial.metrics.append(
                    MetricVerdict("latency", kind, outcome, why, "s", limit=text, place=place)  # type: ignore[arg-type]
                )
            found.append(trial)
        return found

    def _pair(self, trial: Trial) -> Pair:
        cell = trial.part.side.planned.cell
        known = evidence.recall(self.bench.builder.settings.cache, trial.kept.facts, trial.part.facts, cell)
        trial.carried = len(known["floor"]) if known else 0
        pair = self.bench.pair(trial.part, trial.kept, self.rules, trial.tag and f"-{trial.tag}", known)
        pair.keep = lambda pair: self._keep(trial, pair)
        return pair

    def _keep(self, trial: Trial, pair: Pair) -> None:
        cell, seen = trial.part.side.planned.cell, pair.evidence(trial.part.side)
        before: Mapping[str, Sequence[float]] = pair.carried.get(trial.part.side.id, {})
        fresh = {name: values[len(before.get(name, ())) :] for name, values in seen.items()}
        cache, gate = self.bench.builder.settings.cache, f"{self.bench.seed}{trial.tag}"
        evidence.remember(cache, trial.kept.facts, trial.part.facts, cell, gate, fresh)

    def _alone(self, trials: Sequence[Trial]) -> dict[str, Pair]:
        """Return launches of candidates that nothing is paired with but whose absolute budgets must be timed."""
        if self.wanted.exact_only or not judging.needs_timing(self.wanted.gating):
            return {}
        paired = {each.part.side.id for each in trials if each.pair is not None}
        built = [each for each in self.parts if each.facts.ok and each.readings is None]
        parts = [each for each in built if each.side.id not in paired]
        return {each.side.id: self.bench.solo(each, self.rules) for each in parts}

    def _self_test(self, timed: Sequence[Trial]) -> SelfTest | None:
        if not timed or all(each.pair and each.pair.settled for each in timed):
            return None
        limits, settings = self.rules.limits, self.bench.builder.settings
        if len(timed) == 1 and (known := selftest.recall(settings.cache, self.bench.machine, limits)):
            self.notes.append("the self-test is one of this machine within the last 24 hours: this gate times one cell")
            return known
        share = selftest.planted_share(limits)
        pair = self.bench.self_test(timed[0].part, timed[0].kept, self.rules, share)
        seconds = self.wanted.each_s * selftest_share(len(timed))
        if self.wanted.total_s is not None:
            seconds = min(seconds, self.wanted.total_s * TEST_SHARE)
        test = selftest.run_self_test(self.bench, pair, seconds, share)
        if test.fit:
            selftest.remember(settings.cache, self.bench.machine, limits, test)
        return test

    def _conclude(self, trial: Trial) -> None:
        """Add what was timed, and what is judged at once."""
        wanted, cell = self.wanted, trial.part.side.planned.cell
        place = wanted.place(cell.id)
        alpha = self.rules.limits.alpha / self.rules.comparisons
        pair = trial.pair
        if pair is not None:
            if pair.launches:
                trial.smallest = self._smallest(pair)
            trial.metrics += self._timed(trial, pair, place)
        trial.metrics += judging.at_once(trial, wanted.gating, alpha, place)

    def _timed(self, trial: Trial, pair: Pair, place: Place | None) -> list[MetricVerdict]:
        lost = pair.sides[0].failure
        if lost is not None:
            why = f"the baseline's artifact could not be measured: {lost.reason}"
            return [MetricVerdict("latency", "paired", "not-comparable", why, "s", place=place)]
        return judging.after_timing(trial, self.wanted.gating, self.rules, place)

    def _smallest(self, pair: Pair) -> float | None:
        spread = judging.launch_spread([pair])
        if spread is None:
            return None
        one_s = pair.seconds / len(pair.launches)
        could = min(max(int(self.wanted.each_s / one_s), len(pair.launches)), 40)
        return smallest(float(f"{max(spread, 1e-5):.1e}"), could, self.rules.limits, self.rules.comparisons)

    def _note_smallest(self, trials: Sequence[Trial]) -> None:
        known = [each.smallest for each in trials if each.smallest is not None]
        if known:
            time_s = self.wanted.each_s
            within = f"four times in five, within {time_s:g} s a cell"
            self.notes.append(f"a slow-down of {max(known):.2%} would have been failed here, {within}")
        elif any(each.pair and each.pair.launches for each in trials):
            self.notes.append("what change could have been seen here is not known: there were too few launches")

    def _cell(self, part: Part, trials: Sequence[Trial], alone: Mapping[str, Pair]) -> CellVerdict:
        wanted, facts, cell = self.wanted, part.facts, part.side.planned.cell
        blank = CellVerdict(cell.id, str(cell), place=wanted.place(cell.id))
        kept = [each.cells.get(cell.id) for _, each in self.baselines]
        pairs = [each.pair for each in trials if each.pair] + [p for p in (alone.get(part.side.id),) if p]
        if lost := next((each.lost for each in pairs if each.lost), None):  # it broke while it was measured
            return replace(blank, status=lost.status, reason=lost.reason)
        if not facts.ok:
            had = any(each and each.facts.ok for each in kept)
            reason = f"the baseline has it: {facts.reason}" if had and facts.status == "unsupported" else facts.reason
            status = "failed" if had and facts.status == "unsupported" else facts.status
            return replace(blank, status=status, reason=reason)
        metrics = [replace(m, metric=f"{t.tag}:{m.metric}" if t.tag else m.metric) for t in trials for m in t.metrics]
        if not any(each.tag == "" for each in trials):
            metrics.append(_new(kept[0], wanted.place(cell.id)))
        pair = pairs[0] if pairs else None
        anchor = judging.anchors(self.parts).get(part.comparison.id)
        alpha = self.rules.limits.alpha / self.rules.comparisons
        metrics += judging.budgets(part, anchor, self._absolute(), pair, alpha, wanted.place(cell.id))
        launches, seconds = sum(len(p.launches) for p in pairs), sum(p.seconds for p in pairs)
        return replace(blank, metrics=tuple(metrics), launches=launches, seconds=seconds)

    def _absolute(self) -> Gating:
        """Return the budgets; without those on what is timed where nothing is to be timed."""
        gating = self.wanted.gating
        if not self.wanted.exact_only:
            return gating
        kept = tuple(each for each in gating.allowances if each.metric not in judging.TIMED)
        return replace(gating, allowances=kept)

    def _missing(self) -> list[CellVerdict]:
        """Return the cells that the baseline has and the suite no longer does; not asked where only some are gated."""
        if not self.wanted.whole:
            return []
        here = {each.side.planned.cell.id for each in self.parts}
        gone = [kept for cell, kept in self.baselines[0][1].cells.items() if cell not in here and kept.facts.ok]
        reason = "the baseline has it, the suite no longer does"
        return [CellVerdict(each.facts.id, each.facts.name, status="missing", reason=reason) for each in gone]


def selftest_share(cells: int) -> float:
    """Return how many times a cell's time the self-test may take: it grows with the gate, not as fast."""
    return min(2.0, 1.0 + cells / 25)


@cache
def smallest(spread: float, launches: int, limits: GateLimits, comparisons: int) -> float | None:
    """Return the smallest slow-down that would have been seen; the same question is asked of many cells."""
    return smallest_change(spread, launches, limits, comparisons)


def _new(kept: object, place: Place | None) -> MetricVerdict:
    why = (
        "new: the baseline has no such cell"
        if kept is None
        else "the baseline's own cell is not ok: nothing to compare"
    )
    return MetricVerdict("baseline", "exact", "warn", why, place=place)
