"""How often the break-even interval covers the truth, and how often a saving is claimed where there is none.

Windows are drawn from a known truth: five of each of the compression, the baseline and the compressed model, with a
window-to-window scatter of 0.5, 1 and 3.3 %, for true savings of 1, 2, 10 and 50 %, and of nothing at all. Beside our
interval stand the two that people write: normal draws, and the plain ratio of means with a normal error.

    python benchmarks/energy_break_even.py [--runs N] [--windows N] [--seed N] [--json]
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass

import numpy as np
from harness import show

from bench.stats.breakeven import Mean, break_even

SAVINGS_PCT = (1.0, 2.0, 10.0, 50.0)
SCATTERS_PCT = (0.5, 1.0, 3.3)
COMPRESS_J, BASE_J = 40.0, 0.5


@dataclass(frozen=True)
class Row:
    """One case: percentages of runs."""

    saving_pct: float
    scatter_pct: float
    covers_pct: float
    normal_covers_pct: float
    claimed_pct: float
    unbounded_pct: float


def draw(rng: np.random.Generator, windows: int, mean: float, scatter_pct: float) -> Mean:
    """Measure a mean from windows."""
    return Mean.of(mean * (1 + scatter_pct / 100 * rng.standard_normal(windows)))


def normal_bounds(compress: Mean, saving: Mean) -> tuple[float, float]:
    """Return the delta method's normal interval of the ratio, which is what is usually written."""
    ratio = compress.value / saving.value
    error = abs(ratio) * math.hypot(compress.standard_error / compress.value, saving.standard_error / saving.value)
    return ratio - 1.96 * error, ratio + 1.96 * error


def case(rng: np.random.Generator, runs: int, windows: int, saving_pct: float, scatter_pct: float) -> Row:
    """Repeat one case; with no true saving the truth is 'never'."""
    compressed_j = BASE_J * (1 - saving_pct / 100)
    truth = COMPRESS_J / (BASE_J - compressed_j) if saving_pct else math.inf
    covers = normal = claimed = unbounded = 0
    for _ in range(runs):
        compress = draw(rng, windows, COMPRESS_J, scatter_pct)
        saving = draw(rng, windows, BASE_J, scatter_pct).less(draw(rng, windows, compressed_j, scatter_pct))
        found = break_even(compress, saving)
        low, high = normal_bounds(compress, saving)
        covers += found.interval.covers(truth)
        normal += low <= truth <= high
        claimed += found.verdict == "saves"
        unbounded += found.interval.high == math.inf
    return Row(saving_pct, scatter_pct, *(100 * each / runs for each in (covers, normal, claimed, unbounded)))


def figures(rows: list[Row]) -> dict[str, float]:
    """Return the worst coverage each way over true savings, and how often nothing was called a saving."""
    real = [row for row in rows if row.saving_pct]
    return {
        "break_even_coverage_lowest_pct": round(min(row.covers_pct for row in real), 2),
        "break_even_coverage_highest_pct": round(max(row.covers_pct for row in real), 2),
        "break_even_coverage_mean_pct": round(sum(row.covers_pct for row in real) / len(real), 2),
        "break_even_false_saving_pct": round(max(row.claimed_pct for row in rows if not row.saving_pct), 2),
    }


def table(rows: list[Row]) -> str:
    """Lay the rows out for reading."""
    names = ("saving %", "scatter %", "covers %", "normal covers %", "saving shown %", "unbounded %")
    head = "".join(name.rjust(width) for name, width in zip(names, (9, 11, 10, 17, 16, 13), strict=True))
    lines = [
        f"{row.saving_pct:9g}{row.scatter_pct:11g}{row.covers_pct:10.1f}{row.normal_covers_pct:17.1f}"
        f"{row.claimed_pct:16.1f}{row.unbounded_pct:13.1f}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def main(argv: list[str] | None = None) -> int:
    """Run the simulation and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    rng = np.random.default_rng(asked.seed)
    rows = [case(rng, asked.runs, asked.windows, a, b) for b in SCATTERS_PCT for a in (0.0, *SAVINGS_PCT)]
    if not asked.json:
        print(table(rows))
    show(figures(rows), as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
