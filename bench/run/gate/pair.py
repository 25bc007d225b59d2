"""A pair: one cell's sides measured beside each other, launch after launch, until each candidate is decided."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.derive.launches import floor_ratios, floors, work_ratios
from bench.derive.verdict import descheduled
from bench.gate.paired import decide_growth, memory_ratio
from bench.gate.rule import Decision, Evidence, GateLimits, decide
from bench.run.build import Builder
from bench.run.built import Failure, Side
from bench.run.launch import Launcher
from bench.store import Journal, Launch

MOST_LAUNCHES = 400
PEAK = "inference_peak_bytes"


@dataclass(frozen=True)
class Rules:
    """What a pair is judged by: the rule's limits, the relative limit of memory, and how many comparisons there are."""

    limits: GateLimits
    memory: float
    comparisons: int


@dataclass
class Pair:
    """The sides of one cell; the first is the baseline. `carried` is evidence of earlier gates, by the side's id.

    `solo` needs so many launches of its only side, to be read and not to be compared. `keep` is called after every
    launch: what was seen must outlive an interruption.
    """

    name: str
    sides: Sequence[Side]
    rules: Rules
    launcher: Launcher
    journal: Journal
    builder: Builder
    seed: str = ""
    carried: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    memory: bool = True
    solo: int = 0
    keep: Callable[[Pair], None] | None = None
    launches: list[Launch] = field(default_factory=list)
    seconds: float = 0.0
    broken: bool = False
    decisions: dict[str, Decision] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        """Judge what was carried: it may be enough."""
        self._judge()

    @property
    def candidates(self) -> Sequence[Side]:
        """Every side but the baseline."""
        return self.sides[1:]

    @property
    def lost(self) -> Failure | None:
        """Why the candidate could not be measured, None where it was."""
        return self.sides[-1].failure

    @property
    def settled(self) -> bool:
        """Whether another launch could not change anything, or cannot be had."""
        if self.broken or len(self.launches) >= MOST_LAUNCHES:
            return True
        if self.solo:
            return len(self.launches) >= self.solo
        open_ = any(each.outcome == "inconclusive" for each in self.decisions.values())
        return not open_ and not any(self._memory_open(each) for each in self.candidates)

    @property
    def distance(self) -> float:
        """How far the nearest undecided candidate is from a decision: 0 decided, 1 no evidence at all."""
        alpha, m = self.rules.limits.alpha, self.rules.comparisons
        needed = {"fail": math.log(2 * m / alpha), "pass": -math.log(alpha)}
        left = [1.0]
        for each in self.decisions.values():
            if each.outcome == "inconclusive":
                fails = [channel.log_e_fail for channel in each.channels.values()]
                passes = [channel.log_e_pass for channel in each.channels.values()]
                left += [1 - max(fails) / needed["fail"], 1 - min(passes) / needed["pass"]]
        return min(left)

    def step(self, tell: Callable[[str, str], None]) -> None:
        """Launch all sides once, and judge again. A side that fails ends the pair."""
        if not self.launches:
            self._copy()
        n, rounds = (int(self.launches[0].meta[key]) for key in ("n", "rounds")) if self.launches else (None, None)
        dice = random.Random(f"{self.seed}/{self.name}/{len(self.launches)}")
        launch = self.launcher.launch(list(self.sides), dice, n, rounds)
        if launch is None:
            self.broken = True
        else:
            self.journal.append(self.name, launch)
            self.launches.append(launch)
            self.seconds += float(launch.meta["seconds"])
            tell("launch", f"launch {len(self.launches)} of {self.sides[0].planned.cell}")
            self._judge()
            if self.keep is not None:
                self.keep(self)
        if self.settled:
            self.close()

    def close(self) -> None:
        """Remove the copies of the artifacts."""
        self._stack.close()

    def descheduled(self, side: Side) -> bool:
        """Whether the machine was too busy for the fastest calls to tell."""
        if not self.launches:
            return False
        return descheduled(self.launches, side.id, side.planned.cell.threads)

    def floors_s(self, side: Side) -> float | None:
        """Return the side's floor, seconds: the median over launches of the block floors' median."""
        if not self.launches:
            return None
        return float(np.median([np.median(floors(each, side.id)) for each in self.launches]))

    def memory_ratios(self, side: Side) -> list[float]:
        """Return one log-ratio of peak memory a launch; the carried ones come first."""
        base = self.sides[0].id
        fresh = [
            memory_ratio(mine, theirs)
            for each in self.launches
            if (mine := _peak(each, side.id)) is not None and (theirs := _peak(each, base)) is not None
        ]
        return [*self.carried.get(side.id, {}).get("memory", ()), *fresh]

    def peak(self, side: Side) -> float | None:
        """Return the median peak memory of a side, bytes."""
        known = [peak for each in self.launches if (peak := _peak(each, side.id)) is not None]
        return float(np.median(known)) if known else None

    def evidence(self, side: Side) -> Mapping[str, Sequence[float]]:
        """Return what a later gate of the same two artifacts starts from."""
        return {**self.decisions[side.id].evidence, "memory": self.memory_ratios(side)}

    def _judge(self) -> None:
        base = self.sides[0].id
        for side in self.candidates:
            floor = floor_ratios(self.launches, side.id, base)
            work = work_ratios(self.launches, side.id, base)
            before: Evidence | None = self.carried.get(side.id)
            channels = {name: before[name] for name in ("floor", "work")} if before else None
            limits, m = self.rules.limits, self.rules.comparisons
            busy = self.descheduled(self.sides[0]) or self.descheduled(side)
            self.decisions[side.id] = decide(floor, work, limits, m, carried=channels, descheduled=busy)

    def _memory_open(self, side: Side) -> bool:
        values = self.memory_ratios(side) if self.memory else []
        rules = self.rules
        if not values:
            return False
        return decide_growth(values, rules.memory, rules.limits.alpha, rules.comparisons) == "inconclusive"

    def _copy(self) -> None:
        """Copy artifacts to paths of equal length: a path's length moves what follows it in memory."""
        scratch = self._stack.enter_context(self.builder.scratch())
        for index, side in enumerate(self.sides):
            if side.artifact is not None:
                place = scratch / f"{index:04d}{side.artifact.path.suffix}"
                (shutil.copytree if side.artifact.path.is_dir() else shutil.copyfile)(side.artifact.path, place)
                side.copy = replace(side.artifact, path=place)


def _peak(launch: Launch, side: str) -> Any:
    return launch.meta["headers"][side].get(PEAK)
