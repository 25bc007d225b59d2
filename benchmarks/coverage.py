"""How often the interval of a latency ratio covers the truth, replayed over recorded launches.

Launches are the units: each resample draws them without replacement, in random order, six neighbouring rounds of each,
and looks at the interval after every launch from the fifth on, until it is narrower than 2 % or the budget ends. Beside
the replay stands a simulation: launches drawn with replacement from the same noise, each with a random sign (which is
what swapping the two sides does), so that its truth is known exactly.

    python benchmarks/coverage.py [--recordings DIR] [--resamples N] [--seed N] [--json] [--candidates]

Coverage is of the interval stopped at; "every look" asks that no look up to the end of the budget missed. Resamples
share launches, so the brackets (Wilson) say how well N resamples resolve, not how well the recordings do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.stats import Interval, launch_value, ratio_interval, wilson

Floats = np.ndarray[Any, np.dtype[np.float64]]
HERE = Path(__file__).parent
BUDGETS = {"light": 15.0, "heavy": 45.0}
TRUTH = {"A": 0.0, "A2": 0.0, "p2": 0.0204, "p5": 0.0503}
PAIRS = (("A", "A2"), ("A2", "A"), ("A", "p2"), ("A", "p5"))
ROUNDS, DISCARD, FIRST_LOOK, TARGET_WIDTH = 6, 3, 5, 0.02


@dataclass(frozen=True)
class Pool:
    """Recorded launches of one pair: `values[launch, window]` is its log-ratio less the truth, `seconds` its cost."""

    values: Floats
    seconds: Floats
    truth: float


@dataclass(frozen=True)
class Outcome:
    """How one sequence of looks ended; the half-width is relative."""

    covered: bool
    every_look: bool
    half_width: float
    launches: int
    reached: bool


def load(folder: Path, regime: str, pair: tuple[str, str]) -> Pool:
    """Read every launch of the small model under `regime`, side `pair[1]` over side `pair[0]`."""
    base, other = pair
    truth, values, seconds = TRUTH[other] - TRUTH[base], [], []
    for path in sorted(folder.glob(f"{regime}-ort-*.npz")):
        with np.load(path) as stored:
            meta = json.loads(str(stored["meta"]))
            floors = [np.log(stored[f"d_{side}"][:, DISCARD : meta["n"]].min(axis=1)) for side in pair]
        ratios = floors[1] - floors[0]
        starts = range(8 - ROUNDS + 1)  # every recording has at least 8 rounds
        values.append([launch_value(ratios[start : start + ROUNDS]) - truth for start in starts])
        seconds.append((meta["t_spawn"] + meta["t_meas"] * ROUNDS / meta["R"]) / 3)
    if not values:
        raise SystemExit(f"no recordings {regime}-ort-*.npz in {folder}")
    return Pool(np.array(values), np.array(seconds), truth)


def replayed(pool: Pool, budget: float, rng: np.random.Generator) -> Floats:
    """Draw launches without replacement until the budget is spent; return their log-ratios."""
    order = rng.permutation(len(pool.values))
    affordable = max(int((np.cumsum(pool.seconds[order]) <= budget).sum()), FIRST_LOOK)
    window = rng.integers(pool.values.shape[1])
    return np.asarray(pool.values[order[:affordable], window] + pool.truth)


def simulated(pool: Pool, budget: float, rng: np.random.Generator) -> Floats:
    """Draw as many launches with replacement from the noise about its median, with random signs."""
    n = max(int(budget / pool.seconds.mean()), FIRST_LOOK)
    noise = pool.values[:, rng.integers(pool.values.shape[1])]
    noise = rng.choice(noise - np.median(noise), n)
    return np.asarray(noise * rng.choice([-1.0, 1.0], n) + pool.truth)


def follow(values: Floats, truth: float) -> Outcome:
    """Look after every launch; stop when narrow enough."""
    looks = [ratio_interval(values[:n]) for n in range(FIRST_LOOK, len(values) + 1)]
    stopped = next((look for look in looks if look.relative_width < TARGET_WIDTH), looks[-1])
    return Outcome(
        stopped.covers(math.exp(truth)),
        all(look.covers(math.exp(truth)) for look in looks),
        stopped.relative_width / 2,
        stopped.n,
        stopped.relative_width < TARGET_WIDTH,
    )


def outcomes(pool: Pool, regime: str, resamples: int, rng: np.random.Generator, simulate: bool) -> list[Outcome]:
    """Follow `resamples` sequences of one pair."""
    draw = simulated if simulate else replayed
    return [follow(draw(pool, BUDGETS[regime], rng), pool.truth) for _ in range(resamples)]


def share(flags: list[bool]) -> Interval:
    """Return the percentage of true flags, with Wilson's interval."""
    return wilson(sum(flags), len(flags)).mapped(lambda p: 100 * p)


def measure(folder: Path, resamples: int, seed: int) -> Iterator[tuple[str, str, list[Outcome]]]:
    """Yield (regime, row, outcomes): each pair replayed, then all of them simulated."""
    rng = np.random.default_rng(seed)
    for regime in BUDGETS:
        pools = {pair: load(folder, regime, pair) for pair in PAIRS}
        for pair, pool in pools.items():
            yield regime, f"{pair[1]} / {pair[0]}", outcomes(pool, regime, resamples, rng, False)
        drawn = [outcomes(pool, regime, resamples, rng, True) for pool in pools.values()]
        yield regime, "simulated", [each for one in drawn for each in one]


def figures(rows: list[tuple[str, str, list[Outcome]]]) -> dict[str, float]:
    """Return one number per claim: over all replayed pairs of a regime, and over the simulation."""
    found: dict[str, float] = {}
    for regime in BUDGETS:
        replay = [each for name, row, many in rows if name == regime and row != "simulated" for each in many]
        drawn = [each for name, row, many in rows if name == regime and row == "simulated" for each in many]
        found[f"coverage_{regime}_pct"] = share([each.covered for each in replay]).value
        found[f"coverage_anytime_{regime}_pct"] = share([each.every_look for each in replay]).value
        found[f"coverage_simulated_{regime}_pct"] = share([each.covered for each in drawn]).value
        found[f"coverage_simulated_anytime_{regime}_pct"] = share([each.every_look for each in drawn]).value
        found[f"halfwidth_{regime}_pct"] = 100 * float(np.median([each.half_width for each in replay]))
        found[f"reached_{regime}_pct"] = share([each.reached for each in replay]).value
        found[f"launches_{regime}"] = float(np.mean([each.launches for each in replay]))
    return {name: round(value, 2) for name, value in found.items()}


def machine() -> dict[str, object]:
    """Return what the figures were computed on; they do not depend on it."""
    return {"python": platform.python_version(), "platform": platform.platform(), "cpus": os.cpu_count()}


def table(rows: list[tuple[str, str, list[Outcome]]]) -> str:
    """Lay the rows out for reading."""
    lines = [f"{'regime':7}{'pair':11}{'covers at stop %':>24}{'at every look %':>24}{'+-%':>7}{'n':>6}{'<2 %':>7}"]
    for regime, row, many in rows:
        stop, every = share([each.covered for each in many]), share([each.every_look for each in many])
        cells = [f"{each.value:8.1f} [{each.low:5.1f}, {each.high:5.1f}]" for each in (stop, every)]
        half = 100 * float(np.median([each.half_width for each in many]))
        n, reached = float(np.mean([each.launches for each in many])), share([each.reached for each in many]).value
        lines.append(f"{regime:7}{row:11}{cells[0]:>24}{cells[1]:>24}{half:7.2f}{n:6.1f}{reached:7.1f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the replay and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=Path, default=HERE / "recordings")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--candidates", action="store_true", help="compare rival intervals instead")
    asked = parser.parse_args(argv)
    if asked.candidates:
        import coverage_rivals

        print(coverage_rivals.compare(asked.recordings, asked.resamples, asked.seed))
        return 0
    rows = list(measure(asked.recordings, asked.resamples, asked.seed))
    if asked.json:
        print(json.dumps({"figures": figures(rows), "machine": machine()}, indent=1))
    else:
        print(table(rows))
        print("\n".join(f"{name:38}{value:8.2f}" for name, value in figures(rows).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
