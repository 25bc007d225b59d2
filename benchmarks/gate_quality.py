"""How often the gate is wrong about quality: `python benchmarks/gate_quality.py [--json] [--simulations N]`.

Right/wrong outcomes are exact sums over all pairs of flips; percent, the worst of 100 to 2,000 examples, 1 to 10 % of
them flipping, limits of 0 to 5 points:
quality_size_pct              a candidate that loses nothing fails
quality_size_at_limit_pct     a candidate that loses just the limit fails
quality_false_pass_pct        a candidate that loses just the limit passes
quality_n500_inconclusive_pct 500 examples, 5 % flips, nothing lost, limit 1 point: undecided
quality_n2000_pass_pct        2,000 examples, 2 % flips, nothing lost, limit 1 point: passes
quality_n2000_drop3_pct       2,000 examples, 5 % flips, 3 points lost, limit 1 point: fails
quality_scores_*              other outcomes (reciprocal ranks, losses), simulated from fixed seeds: the same levels
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above

from bench.gate.quality import judge_quality, outcome_of  # noqa: E402 - its neighbours stand above
from bench.stats import Interval, flip_bounds  # noqa: E402 - its neighbours stand above

ALPHA = 0.01
EXAMPLES, FLIPS, LIMITS = (100, 200, 500, 1000, 2000), (0.01, 0.02, 0.05, 0.1), (0.0, 0.005, 0.01, 0.02, 0.05)
METRIC = {"name": "score", "unit": "1", "higher_is_better": True}
Pairs = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def shares(n: int, flips: float, drop: float, limit: float) -> dict[str, float]:
    """Return the percentage of each outcome for right/wrong outcomes: exact but for pairs rarer than 1e-8."""
    found: Counter[str] = Counter()
    for lost, p_lost in _binomial(n, (flips + drop) / 2):
        for gained, p_gained in _binomial(n - lost, (flips - drop) / (2 - flips - drop)):
            if p_lost * p_gained > 1e-8:
                found[outcome_of(_bounds(gained, lost, n), limit)] += 100 * p_lost * p_gained
    return {name: found[name] for name in ("pass", "inconclusive", "fail")}


@cache
def _bounds(gained: int, lost: int, n: int) -> Interval:
    better = flip_bounds(gained, lost, n, ALPHA)
    return Interval(-better.value, -better.high, -better.low, better.level, n, better.method)


@cache
def _binomial(n: int, p: float) -> list[tuple[int, float]]:
    """Return (k, probability) for every k that is not rarer than 1e-9."""
    if p < 1e-12:
        return [(0, 1.0)]
    most = min(n, int(n * p + 8 * math.sqrt(n * p) + 12))
    ways = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(most + 1)]
    logs = [way + k * math.log(p) + (n - k) * math.log1p(-p) for k, way in enumerate(ways)]
    return [(k, math.exp(each)) for k, each in enumerate(logs) if each > math.log(1e-9)]


def figures_of_flips() -> dict[str, float]:
    """Return the levels and the powers for right/wrong outcomes."""
    grid = [(n, flips, limit) for n in EXAMPLES for flips in FLIPS for limit in LIMITS]
    at_limit = [shares(n, flips, limit, limit) for n, flips, limit in grid if flips >= limit]
    return {
        "quality_size_pct": max(shares(n, flips, 0.0, limit)["fail"] for n, flips, limit in grid),
        "quality_size_at_limit_pct": max(each["fail"] for each in at_limit),
        "quality_false_pass_pct": max(each["pass"] for each in at_limit),
        "quality_n500_inconclusive_pct": shares(500, 0.05, 0.0, 0.01)["inconclusive"],
        "quality_n2000_pass_pct": shares(2000, 0.02, 0.0, 0.01)["pass"],
        "quality_n2000_drop3_pct": shares(2000, 0.05, 0.03, 0.01)["fail"],
    }


def reciprocal_ranks(rng: np.random.Generator, n: int) -> Pairs:
    """Return baseline and candidate, shape (2, n): one example in ten has its rank moved by one, either way."""
    ranks = rng.geometric(0.6, n).astype(np.float64)
    moved = np.maximum(ranks + (rng.random(n) < 0.1) * rng.choice([-1, 1], n), 1)
    first = rng.random(n) < 0.5  # which of the two is the baseline, so that nothing is lost on average
    return np.array([1 / np.where(first, ranks, moved), 1 / np.where(first, moved, ranks)])


def losses(rng: np.random.Generator, n: int) -> Pairs:
    """Return negated losses, shape (2, n): skewed, and compression adds as much noise as it takes away."""
    base = rng.exponential(1.0, n)
    return -np.array([base, base + 0.1 * (rng.standard_t(4, n))])


SCORES: dict[str, Callable[[np.random.Generator, int], Pairs]] = {"ranks": reciprocal_ranks, "losses": losses}


def figures_of_scores(simulations: int) -> dict[str, float]:
    """Return the levels for other outcomes, 200 examples: the worst of the laws, each simulated."""
    found = [_simulated(law, simulations) for law in SCORES.values()]
    names = ("size", "at_limit", "false_pass")
    return {f"quality_scores_{name}_pct": max(each[name] for each in found) for name in names}


def _simulated(law: Callable[[np.random.Generator, int], Pairs], simulations: int, n: int = 200) -> dict[str, float]:
    rng, ends = np.random.default_rng(0), []
    for _ in range(simulations):
        before, after = law(rng, n)
        at_limit = judge_quality(before, after - 0.02, METRIC, 0.02, ALPHA).outcome
        ends.append((judge_quality(before, after, METRIC, 0.0, ALPHA).outcome == "fail", at_limit))
    return {
        "size": 100 * float(np.mean([nothing for nothing, _ in ends])),
        "at_limit": 100 * float(np.mean([end == "fail" for _, end in ends])),
        "false_pass": 100 * float(np.mean([end == "pass" for _, end in ends])),
    }


def table(limit: float = 0.01) -> str:
    """Return the power table: percent that fail by the true drop in points, and that pass when nothing is lost."""
    drops = (0.0, 0.01, 0.02, 0.03, 0.05)
    head = "".join(f"{f'-{100 * drop:g}':>8}" for drop in drops)
    lines = [f"limit {100 * limit:g} point: FAIL % by points lost; PASS % with none lost; level {100 * ALPHA:g} %", ""]
    lines.append(f"{'examples':>8}{'flips %':>9}{head}{'pass':>10}")
    for n in EXAMPLES:
        for flips in (0.02, 0.05, 0.1):
            cells = [f"{shares(n, flips, drop, limit)['fail']:8.1f}" if drop <= flips else f"{'':8}" for drop in drops]
            lines.append(f"{n:8}{100 * flips:9g}{''.join(cells)}{shares(n, flips, 0.0, limit)['pass']:10.1f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Sum, simulate and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    if not asked.json:
        print(table(), "", sep="\n")
    found = {**figures_of_flips(), **figures_of_scores(asked.simulations)}
    show({name: round(value, 2) for name, value in found.items()}, as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
