"""What other tools' rules say about the same recordings, at equal time.

A stored comparison: one run of the baseline, and later one run of the candidate, half of the budget each. A run is a
stretch of neighbouring launches whose measuring time adds up to that (starting up is not charged), at most half of the
recordings, and the candidate's begins half of them later. Every tool sees every call of its runs as if of one process,
which flatters the minimum: a real process has one memory layout, these have up to twenty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gate_replay import Floats, recordings

from bench.stats.special import normal_cdf, student_quantile

# From all calls of the baseline and of the candidate, seconds, shape [blocks, calls], to "this fails".
Peer = Callable[[Floats, Floats], bool]
VARIANTS = {"aa": ("A", "A2"), "p2": ("A", "p2"), "p3": ("A", "p3")}
BUDGETS = {"light": 15.0, "heavy": 45.0}
SAMPLES = 10  # benchstat's advice: ten samples a side
ALPHA = 0.05


def mean5(base: Floats, other: Floats) -> bool:
    """pytest-benchmark --benchmark-compare-fail=mean:5%."""
    return bool(other.mean() > 1.05 * base.mean())


def min5(base: Floats, other: Floats) -> bool:
    """pytest-benchmark --benchmark-compare-fail=min:5%."""
    return bool(other.min() > 1.05 * base.min())


def utest(base: Floats, other: Floats) -> bool:
    """benchstat: two-sided Mann-Whitney U over ten samples a side (means of successive calls), and slower."""
    x, y = _samples(base), _samples(other)
    return _u_test(x, y) < ALPHA and float(np.median(y)) > float(np.median(x))


def ttest(base: Floats, other: Floats) -> bool:
    """pyperf: two-sided pooled t test over values of a third of a block each, and slower."""
    x, y = (np.concatenate([part.mean(axis=1) for part in np.array_split(each, 3, axis=1)]) for each in (base, other))
    df = x.size + y.size - 2
    pooled = math.sqrt((((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / df * (1 / x.size + 1 / y.size))
    return bool((y.mean() - x.mean()) / pooled > student_quantile(1 - ALPHA, df))


PEERS: dict[str, Peer] = {
    "pytestbench_mean5": mean5,
    "pytestbench_min5": min5,
    "utest": utest,
    "ttest": ttest,
}


def peer_figures(folder: Path, resamples: int, seed: int) -> dict[str, float]:
    """Return the percentage of comparisons that each peer fails, by regime and variant."""
    found = {}
    for regime, budget in BUDGETS.items():
        walls = _walls(folder, regime)
        for variant, (base, other) in VARIANTS.items():
            rng = np.random.default_rng(seed)
            runs = [_two_runs(walls, base, other, budget, rng) for _ in range(resamples)]
            for name, peer in PEERS.items():
                found[f"{name}_{regime}_{variant}"] = round(100 * float(np.mean([peer(*run) for run in runs])), 2)
    return found


def _walls(folder: Path, regime: str) -> list[dict[str, Any]]:
    """Return each launch's calls by variant, seconds, in the order of recording."""
    return [
        {side: block[:, : int(meta["n"])] / 1e9 for side, block in samples.items()}
        for meta, samples in recordings(folder, regime)
    ]


def _two_runs(
    walls: list[dict[str, Any]], base: str, other: str, budget: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    half, first = len(walls) // 2, int(rng.integers(len(walls)))
    runs = ((base, first), (other, first + half))
    mine, theirs = (_run(walls, side, start, half, budget / 2) for side, start in runs)
    return mine, theirs


def _run(walls: list[dict[str, Any]], side: str, start: int, most: int, budget: float) -> Floats:
    taken, spent = [], 0.0
    for k in range(most):
        block = walls[(start + k) % len(walls)][side]
        spent += float(block.sum())
        if taken and spent > budget:
            break
        taken.append(block)
    return np.concatenate(taken)


def _samples(calls: Floats) -> Floats:
    return np.array([each.mean() for each in np.array_split(calls.ravel(), SAMPLES)])


def _u_test(x: Floats, y: Floats) -> float:
    """Return the two-sided p-value of the U test, normal approximation with continuity correction (no ties here)."""
    u = float((x[:, None] > y).sum())
    centre = x.size * y.size / 2
    sd = math.sqrt(x.size * y.size * (x.size + y.size + 1) / 12)
    return 2 * normal_cdf(-max(abs(u - centre) - 0.5, 0.0) / sd)
