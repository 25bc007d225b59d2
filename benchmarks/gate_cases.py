"""The cases that the gate is judged by, and their figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gate_replay import PAIRS, Ends, Floats, Rule, Sequences, drawn, follow, load, merged, ours, round_noise, simulated

from bench.gate.rule import GateLimits

LIMITS = GateLimits()
# A limit of 0.25 %: the pass side lies at what is planted, since between the limits either verdict is right.
TIGHT = GateLimits(floor_fail=0.0025, floor_pass=0.01)
AT_LIMIT = (LIMITS.floor_fail, LIMITS.work_fail)
OFFSETS = {"sim03": 0.003, "sim06": 0.006, "sim10": 0.010, "sim15": 0.015}
PLANTED = {"aa": (0.0, 0.0), "at_limit": AT_LIMIT, "p2": (0.02, 0.02), "p3": (0.03, 0.03)}
SIMULATED_LAUNCHES = 15
CELLS = 50


@dataclass(frozen=True)
class Case:
    """One row: recorded pairs, what is planted in each channel (relative), and what should come of it."""

    name: str
    regime: str
    budget: float
    pairs: Sequence[tuple[str, str]]
    planted: tuple[float, float] = (0.0, 0.0)
    intermittent: bool = False
    limits: GateLimits = field(default=LIMITS)
    comparisons: int = 1


CASES = (
    Case("light15_aa", "light", 15, PAIRS["aa"]),
    Case("light15_at_limit", "light", 15, PAIRS["aa"], AT_LIMIT),
    Case("light15_p2", "light", 15, PAIRS["p2"]),
    Case("light15_p3", "light", 15, PAIRS["p3"]),
    Case("light30_p1_limit025", "light", 30, PAIRS["aa"], (0.01, 0.01), limits=TIGHT),
    Case("light15_intermittent", "light", 15, PAIRS["aa"], intermittent=True),
    Case("heavy45_aa", "heavy", 45, PAIRS["aa"]),
    Case("heavy45_at_limit", "heavy", 45, PAIRS["aa"], AT_LIMIT),
    Case("heavy45_p2", "heavy", 45, PAIRS["p2"]),
    Case("heavy45_p3", "heavy", 45, PAIRS["p3"]),
    Case("heavy45_intermittent", "heavy", 45, PAIRS["aa"], intermittent=True),
)
# Without a budget, so that the cost of a verdict is seen: every recorded launch may be used.
COST = tuple(
    Case(f"cost{cells}_{name}", "light", math.inf, PAIRS[name], comparisons=cells)
    for cells in (1, CELLS)
    for name in ("aa", "p2")
)


def replayed(case: Case, folder: Path, resamples: int, rng: np.random.Generator) -> list[Sequences]:
    """Draw the case's sequences, `resamples` of each pair."""
    shift = np.log1p(case.planted)
    pools = [load(folder, case.regime, pair, case.intermittent) for pair in case.pairs]
    return [drawn(pool, case.budget, shift, resamples, rng) for pool in pools]


def imagined(folder: Path, resamples: int, rng: np.random.Generator) -> Iterator[tuple[str, Sequences]]:
    """Yield (name, sequences) of the simulation: launch offsets by what is planted, 15 launches each."""
    noise: Floats = round_noise(folder, "light")
    for label, offset in OFFSETS.items():
        for name, planted in PLANTED.items():
            shape = (SIMULATED_LAUNCHES, 2 * resamples)
            yield f"{label}_{name}", simulated(noise, offset, np.log1p(planted), shape, rng)


def ends_of(folder: Path, resamples: int, seed: int, rule: Rule = ours) -> dict[str, Ends]:
    """Return how every case ended; each case draws from a seed of its own, so that rules see the same launches."""
    found: dict[str, Ends] = {}
    for case in (*CASES, *COST):
        sequences = replayed(case, folder, resamples, np.random.default_rng(seed))
        found[case.name] = merged([follow(each, case.limits, case.comparisons, rule) for each in sequences])
    for name, sequence in imagined(folder, resamples, np.random.default_rng(seed)):
        found[name] = follow(sequence, LIMITS, 1, rule)
    return found


def figures(ends: Mapping[str, Ends]) -> dict[str, float]:
    """Return the percentage of decisions that fail by case, and what fifty cells cost a cell against one."""
    found = {name: 100 * float(each.failed.mean()) for name, each in ends.items() if not name.startswith("cost")}
    spent = {name: float(ends[name].seconds.mean()) for name in ends if name.startswith("cost")}
    for name in ("aa", "p2"):
        found[f"cost50_ratio_{name}"] = spent[f"cost50_{name}"] / spent[f"cost1_{name}"]
    # Half of the cells unchanged, half slower by 2 %: far more regressions than a real change brings.
    found["cost50_ratio"] = (spent["cost50_aa"] + spent["cost50_p2"]) / (spent["cost1_aa"] + spent["cost1_p2"])
    return {name: round(value, 2) for name, value in found.items()}
