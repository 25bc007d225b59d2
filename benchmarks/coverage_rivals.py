"""Rival intervals for a latency ratio, judged by one rod: `python benchmarks/coverage.py --candidates`.

A rival is a function from residuals about a supposed centre, shape [looks, columns], to evidence against that centre
at each look, same shape; evidence of log(1 / alpha) or more rejects it. Columns are centres when an interval is wanted
and sequences when the level is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage
import numpy as np

from bench.stats import clustered_quantile
from bench.stats.sequence import FEW_SHARE, LOG_WEIGHTS, MAX_BET, RESOLUTION, SCALES, launches_needed
from bench.stats.special import student_quantile

Floats = np.ndarray[Any, np.dtype[np.float64]]
Rival = Callable[[Floats], Floats]
ALPHA = 0.05
REJECT = math.log(1 / ALPHA)
EFFECTS = (0.5, 1.0, 2.0)
GRID: Floats = 0.0005 * np.sinh(np.linspace(-7.6, 7.6, 401))  # centres, finest about the truth


def symmetric(residuals: Floats) -> Floats:
    """Bet on the sign, saturating, over a mixture of scales (the product's); few launches have its wide t interval."""
    sides = [_symmetric_side(side * residuals) for side in (1.0, -1.0)]
    evidence = np.maximum(*sides) - math.log(2)
    first = launches_needed(1 - ALPHA) - 1
    evidence[:first] = fixed_t(residuals[:first], FEW_SHARE * ALPHA)
    return evidence


def _symmetric_side(residuals: Floats) -> Floats:
    logs = np.log1p(MAX_BET * np.tanh(residuals[..., None] / SCALES)).cumsum(axis=0)
    return _log_mean(logs, np.exp(LOG_WEIGHTS))


def normal_t(residuals: Floats) -> Floats:
    """Sequential t with one normal prior on the effect size (Lai 1976; Wang & Ramdas 2024), prior weight 1 launch."""
    n = np.arange(1, len(residuals) + 1)[:, None]
    share = residuals.cumsum(axis=0) ** 2 / np.maximum((residuals**2).cumsum(axis=0), 1e-30)
    return np.asarray(-0.5 * np.log(n + 1) - n / 2 * np.log1p(-share / (n + 1)))


def likelihood(df: float) -> Rival:
    """Right-Haar scale, effects of either sign (Perez-Ortiz et al. 2022); Student's likelihood when df is finite."""
    scales = np.geomspace(2e-4, 0.2, 30)

    def evidence(residuals: Floats) -> Floats:
        z = residuals[..., None] / scales
        shapes = [_log_density(z - effect, df) - np.log(scales) for effect in (0.0, *EFFECTS, *(-e for e in EFFECTS))]
        by_effect = [_log_mean(shape.cumsum(axis=0), np.ones(len(scales))) for shape in shapes]
        return np.asarray(_log_mean(np.stack(by_effect[1:], axis=-1), np.ones(2 * len(EFFECTS))) - by_effect[0])

    return evidence


def signs(residuals: Floats) -> Floats:
    """Beta(1, 1) mixture over the chance of a positive residual: no assumption but the median."""
    n, up = np.arange(1, len(residuals) + 1), (residuals > 0).cumsum(axis=0)
    table = np.array([math.lgamma(k + 1) for k in range(len(residuals) + 2)])
    return np.asarray(n[:, None] * math.log(2) + table[up] + table[n[:, None] - up] - table[n + 1][:, None])


def fixed_t(residuals: Floats, alpha: float = ALPHA) -> Floats:
    """Student's interval for a fixed number of launches, looked at all the same; infinite evidence where it misses."""
    evidence = np.zeros_like(residuals)
    for n in range(2, len(residuals) + 1):
        some = residuals[:n]
        half = student_quantile(1 - alpha, n - 1) * np.maximum(some.std(axis=0, ddof=1), RESOLUTION) / math.sqrt(n)
        evidence[n - 1] = np.where(np.abs(some.mean(axis=0)) > half, math.inf, 0.0)
    return evidence


RIVALS: dict[str, Rival] = {
    "symmetric mixture (chosen)": symmetric,
    "t, normal prior": normal_t,
    "t, mixture of effects": likelihood(math.inf),
    "Student-3 likelihood": likelihood(3.0),
    "signs": signs,
    "t interval, peeked at": fixed_t,
}


def compare(folder: Path, resamples: int, seed: int) -> str:
    """Return three tables: replay, level by law of the noise, and intervals of quantiles."""
    lines = [f"{'replay':28}" + "".join(f"{r + ': stop % every %   +-%     n  <2 %':>42}" for r in coverage.BUDGETS)]
    for name, rival in RIVALS.items():
        lines.append(f"{name:28}" + "".join(_replay_row(folder, r, rival, resamples, seed) for r in coverage.BUDGETS))
    laws = _laws(folder, np.random.default_rng(seed), 5 * resamples)
    lines += ["", f"{'ever missed, looks 5-40, %':28}" + "".join(f"{law:>12}" for law in laws)]
    for name, rival in RIVALS.items():
        misses = [100 * _ever_missed(rival, noise) for noise in laws.values()]
        lines.append(f"{name:28}" + "".join(f"{miss:12.1f}" for miss in misses))
    return "\n".join([*lines, "", *_quantile_rows(folder, resamples, seed)])


def _replay_row(folder: Path, regime: str, rival: Rival, resamples: int, seed: int) -> str:
    rng, ends = np.random.default_rng(seed), []
    for pair in coverage.PAIRS:
        pool = coverage.load(folder, regime, pair)
        ends += [
            _follow(rival, coverage.replayed(pool, coverage.BUDGETS[regime], rng) - pool.truth)
            for _ in range(resamples)
        ]
    stop, every, half, n, reached = np.array(ends, dtype=np.float64).T
    share = f"{100 * stop.mean():.1f} {100 * every.mean():7.1f}"
    return f"{share} {100 * np.median(half):7.2f} {n.mean():5.1f} {100 * reached.mean():5.1f}".rjust(42)


def _follow(rival: Rival, values: Floats) -> tuple[bool, bool, float, int, bool]:
    """Whether the stopped interval and every look cover 0; half-width, launches, whether it got narrow enough."""
    kept = rival(values[:, None] - GRID)[coverage.FIRST_LOOK - 1 :] < REJECT
    truth = kept[:, len(GRID) // 2]
    low = np.where(kept[:, 0], -math.inf, GRID[kept.argmax(axis=1)])
    high = np.where(kept[:, -1], math.inf, GRID[::-1][kept[:, ::-1].argmax(axis=1)])
    narrow = np.flatnonzero(high - low < coverage.TARGET_WIDTH)
    at = int(narrow[0]) if narrow.size else len(kept) - 1
    half = float(high[at] - low[at]) / 2
    return bool(truth[at]), bool(truth.all()), half, at + coverage.FIRST_LOOK, bool(narrow.size)


def _laws(folder: Path, rng: np.random.Generator, sequences: int) -> dict[str, Floats]:
    """Noise about 0, shape [40, sequences], 0.5 % in scale."""
    shape = (40, sequences)
    pool = coverage.load(folder, "heavy", ("A", "p2")).values[:, 0]
    gauss = rng.standard_normal(shape)
    noise = {
        "normal": gauss,
        "uniform": rng.uniform(-1.7, 1.7, shape),
        "two-valued": rng.choice([-1.0, 1.0], shape) + 0.1 * gauss,
        "Student-2": rng.standard_t(2, shape),
        "5 % late": gauss + (rng.random(shape) < 0.05) * rng.exponential(10, shape),
        "recorded": rng.choice(pool - np.median(pool), shape) / 0.005,
    }
    return {law: np.asarray(0.005 * values) for law, values in noise.items()}


def _ever_missed(rival: Rival, noise: Floats) -> float:
    chunks = [rival(noise[:, start : start + 200]) for start in range(0, noise.shape[1], 200)]
    return float(np.mean(np.concatenate([(each[coverage.FIRST_LOOK - 1 :] >= REJECT).any(axis=0) for each in chunks])))


def _quantile_rows(folder: Path, resamples: int, seed: int) -> list[str]:
    """Coverage of a quantile's interval: launches drawn with replacement, the recordings' own quantile as truth."""
    lines = [f"{'quantile of calls':28}" + "".join(f"{f'{n} launches: Woodruff bootstrap %':>40}" for n in (5, 8, 15))]
    rng = np.random.default_rng(seed)
    for regime in coverage.BUDGETS:
        launches = _calls(folder, regime)
        for q in (0.5, 0.9, 0.99):
            truth = float(np.quantile(np.concatenate(launches), q, method="inverted_cdf"))
            draws = [rng.integers(0, len(launches), (resamples, n)) for n in (5, 8, 15)]
            cells = [_quantile_coverage([[launches[i] for i in row] for row in each], q, truth) for each in draws]
            lines.append(f"{regime + f' p{100 * q:g}':28}" + "".join(f"{cell:>40}" for cell in cells))
    return lines


def _calls(folder: Path, regime: str) -> list[Floats]:
    found = []
    for path in sorted(folder.glob(f"{regime}-ort-*.npz")):
        with np.load(path) as stored:
            found.append(stored["d_A"][: coverage.ROUNDS, coverage.DISCARD : 25].ravel() / 1e9)
    return found


def _quantile_coverage(samples: list[list[Floats]], q: float, truth: float) -> str:
    rng, woodruff, bootstrap = np.random.default_rng(0), 0, 0
    for drawn in samples:
        interval = clustered_quantile(drawn, q)
        woodruff += interval is not None and interval.covers(truth)
        again = [np.concatenate([drawn[i] for i in rng.integers(0, len(drawn), len(drawn))]) for _ in range(100)]
        low, high = np.quantile([np.quantile(each, q, method="inverted_cdf") for each in again], [0.025, 0.975])
        bootstrap += bool(low <= truth <= high)
    return f"{100 * woodruff / len(samples):.1f} {100 * bootstrap / len(samples):9.1f}"


def _log_density(z: Floats, df: float) -> Floats:
    return np.asarray(-0.5 * z * z if math.isinf(df) else -(df + 1) / 2 * np.log1p(z * z / df))


def _log_mean(logs: Floats, weights: Floats) -> Floats:
    """Log of the weighted mean of exp over the last axis."""
    top = logs.max(axis=-1)
    return np.asarray(top + np.log((np.exp(logs - top[..., None]) * weights).sum(axis=-1) / weights.sum()))
