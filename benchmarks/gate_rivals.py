"""Rival rules for the gate, judged by one rod: `python benchmarks/gate_power.py --candidates`.

A rival is an evidence function: from residuals beyond the limit in units of the distance between the limits, shape
(launches, sequences), positive beyond, to running log e-values of the same shape. Some look at rounds, not at launches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gate_cases import LIMITS, ends_of, figures
from gate_replay import Floats, Rule, ours

from bench.gate.rule import fail_threshold
from bench.stats.onesided import LOG_WEIGHTS, MAX_BET, SHARES
from bench.stats.sequence import LOG_WEIGHTS as WIDE_WEIGHTS
from bench.stats.sequence import SCALES

Evidence = Callable[[Floats, float], Floats]
SHOWN = (
    "light15_aa",
    "light15_at_limit",
    "light15_p2",
    "light30_p1_limit025",
    "light15_intermittent",
    "heavy45_aa",
    "heavy45_at_limit",
    "heavy45_p2",
    "heavy45_intermittent",
    "sim06_p2",
    "sim10_at_limit",
    "sim10_p2",
    "sim15_p3",
)
LOOKS = 40


def by_launch(evidence: Evidence) -> Rule:
    """Return the rule that feeds `evidence` with one number a launch."""

    def rule(rounds: Floats, number: Callable[..., Floats], fail: float, passing: float) -> tuple[Floats, Floats]:
        return _both(lambda beyond, distance: evidence(number(beyond, axis=0), distance), rounds, fail, passing)

    return rule


def _both(evidence: Evidence, rounds: Floats, fail: float, passing: float) -> tuple[Floats, Floats]:
    low, high = math.log1p(fail), math.log1p(passing)
    distance = high - low
    return evidence((rounds - low) / distance, distance), evidence((high - rounds) / distance, distance)


def bets(beyond: Floats, shares: Floats, log_weights: Floats, sizes: tuple[float, ...] = (MAX_BET,)) -> Floats:
    """Bet on the sign, saturating, over a mixture of scales and of largest bets."""
    tanh = np.tanh(beyond[..., None] / shares)
    mixed = [_log_sum(np.log1p(size * tanh).cumsum(axis=0) + log_weights) for size in sizes]
    return np.asarray(_log_sum(np.stack(mixed, axis=-1)) - math.log(len(sizes)))


def wide_bets(beyond: Floats, distance: float) -> Floats:
    """Bet over five decades of scales, as the interval of a ratio does (bench.stats.log_e_value)."""
    return bets(beyond * distance, SCALES, WIDE_WEIGHTS)


def bet_sizes(beyond: Floats, _: float) -> Floats:
    """Mix the largest bet too: a smaller one loses less to a launch gone wrong."""
    return bets(beyond, SHARES, LOG_WEIGHTS, (0.6, 0.8, 0.95))


def student_bets(beyond: Floats, _: float) -> Floats:
    """Bet what a Student-3 likelihood would: boldly at the expected size, timidly far out."""
    effects = np.repeat([0.25, 0.5, 1.0, 2.0, 4.0], 2)
    spreads = effects / np.tile([2.0, 4.0], 5)
    near, far = (_log_density((beyond[..., None] - sign * effects) / spreads, 3.0) for sign in (1.0, -1.0))
    logs = np.log1p(0.99 * np.tanh((near - far) / 2)).cumsum(axis=0)
    return np.asarray(_log_sum(logs) - math.log(len(effects)))


def signs(beyond: Floats, _: float) -> Floats:
    """2^(n+1) B(s+1, n-s+1) (1 - I_1/2(s+1, n-s+1)): no assumption but the median."""
    n, up = np.arange(1, len(beyond) + 1)[:, None], (beyond > 0).cumsum(axis=0)
    most = len(beyond) + 2
    factorials = np.array([math.lgamma(k + 1) for k in range(most + 1)])
    tails = np.array(
        [[sum(math.comb(k + 1, j) for j in range(s + 1)) / 2 ** (k + 1) for s in range(most)] for k in range(most)]
    )
    beta = factorials[up] + factorials[n - up] - factorials[n + 1]
    return np.asarray((n + 1) * math.log(2) + beta + np.log(tails[n, up]))


def t_evidence(df: float, effects: tuple[float, ...]) -> Evidence:
    """Sequential t with right-Haar scale (Perez-Ortiz et al. 2022), a mixture of effects; Student's if df is finite."""
    scales = np.geomspace(0.01, 20, 24)

    def evidence(beyond: Floats, _: float) -> Floats:
        z = beyond[..., None] / scales
        by_effect = [
            _log_sum((_log_density(z - effect, df) - np.log(scales)).cumsum(axis=0)) for effect in (0.0, *effects)
        ]
        return np.asarray(_log_sum(np.stack(by_effect[1:], axis=-1)) - math.log(len(effects)) - by_effect[0])

    return evidence


def averaged(*evidences: Evidence) -> Evidence:
    """Average the e-values of several rules."""

    def evidence(beyond: Floats, distance: float) -> Floats:
        each = np.stack([one(beyond, distance) for one in evidences], axis=-1)
        return np.asarray(_log_sum(each) - math.log(len(evidences)))

    return evidence


def _chosen(beyond: Floats, _: float) -> Floats:
    return bets(beyond, SHARES, LOG_WEIGHTS)


def halves(rounds: Floats, number: Callable[..., Floats], fail: float, passing: float) -> tuple[Floats, Floats]:
    """Count each half of a launch's rounds as a unit."""

    def evidence(beyond: Floats, distance: float) -> Floats:
        parts = [number(part, axis=0) for part in np.array_split(beyond, 2)]
        return _chosen(np.stack(parts, axis=1).reshape(-1, beyond.shape[-1]), distance)[1::2]

    return _both(evidence, rounds, fail, passing)


def weighted(rounds: Floats, number: Callable[..., Floats], fail: float, passing: float) -> tuple[Floats, Floats]:
    """Shrink a launch's number by how its rounds scatter: the sign given the scatter is a fair coin still."""

    def evidence(beyond: Floats, distance: float) -> Floats:
        scatter = np.median(np.abs(beyond - np.median(beyond, axis=0)), axis=0)
        return _chosen(number(beyond, axis=0) / np.sqrt(1 + scatter**2), distance)

    return _both(evidence, rounds, fail, passing)


NORMAL_EFFECTS = tuple(float(each) for each in np.sqrt(2) * np.array([0.09, 0.28, 0.48, 0.7, 0.98, 1.45]))
RIVALS: dict[str, Rule] = {
    "bets at the limits' scale": ours,
    "bets over five decades": by_launch(wide_bets),
    "mixture of bet sizes too": by_launch(bet_sizes),
    "Student-shaped bets": by_launch(student_bets),
    "weighted by rounds' scatter": weighted,
    "half launches as units": halves,
    "signs": by_launch(signs),
    "t, one normal prior": by_launch(t_evidence(math.inf, NORMAL_EFFECTS)),
    "t, mixture of effects": by_launch(t_evidence(math.inf, (0.5, 1.0, 2.0))),
    "Student-3 likelihood": by_launch(t_evidence(3.0, (0.5, 1.0, 2.0))),
    "average of chosen and t": by_launch(averaged(_chosen, t_evidence(math.inf, (0.5, 1.0, 2.0)))),
}


def compare(folder: Path, resamples: int, seed: int) -> str:
    """Return two tables: replay and simulation, then the level by law of the noise."""
    lines = ["decisions that FAIL, %; launches to a verdict of light15_aa and _p2; cost50_ratio_p2", ""]
    lines += [f"{k:4d} {name}" for k, name in enumerate(SHOWN)]
    lines += ["", f"{'rule':28}" + "".join(f"{k:>7}" for k in range(len(SHOWN))) + "    n aa   n p2   cost"]
    for name, rule in RIVALS.items():
        ends = ends_of(folder, min(resamples, 300), seed, rule)
        found = figures(ends)
        spent = "".join(f"{ends[f'light15_{each}'].launches.mean():7.1f}" for each in ("aa", "p2"))
        cells = "".join(f"{found[each]:7.1f}" for each in SHOWN)
        lines.append(f"{name:28}{cells} {spent}{found['cost50_ratio_p2']:7.2f}")
    laws = _laws(np.random.default_rng(seed), 3 * resamples)
    lines += ["", f"ever failed at the limit, looks 1-{LOOKS}, % (0.5 claimed, one channel)", ""]
    lines.append(f"{'rule':28}" + "".join(f"{law:>12}" for law in laws))
    for name, rule in RIVALS.items():
        lines.append(f"{name:28}" + "".join(f"{100 * _ever_failed(rule, noise):12.2f}" for noise in laws.values()))
    return "\n".join(lines)


def _laws(rng: np.random.Generator, sequences: int) -> dict[str, Floats]:
    """Return rounds about 0, shape (rounds, launches, sequences): a launch's offset by the law, and noise of rounds."""
    shape = (LOOKS, sequences)
    gauss = rng.standard_normal(shape)
    offsets = {
        "normal": gauss,
        "uniform": rng.uniform(-1.7, 1.7, shape),
        "two-valued": rng.choice([-1.0, 1.0], shape),
        "Student-2": rng.standard_t(2, shape),
        "5 % late": gauss + (rng.random(shape) < 0.05) * rng.exponential(10, shape),
        "widening": gauss * np.geomspace(0.2, 5, LOOKS)[:, None],
    }
    rounds = rng.standard_normal((6, *shape))
    return {law: np.asarray(0.005 * (offset + 0.1 * rounds)) for law, offset in offsets.items()}


def _ever_failed(rule: Rule, noise: Floats) -> float:
    needed, limit = fail_threshold(LIMITS.alpha, 1), math.log1p(LIMITS.floor_fail)
    chunks = [noise[..., start : start + 1000] + limit for start in range(0, noise.shape[-1], 1000)]
    paths = [rule(each, np.median, LIMITS.floor_fail, LIMITS.floor_pass)[0] for each in chunks]
    return float(np.mean(np.concatenate([(path >= needed).any(axis=0) for path in paths])))


def _log_density(z: Floats, df: float) -> Any:
    return -0.5 * z * z if math.isinf(df) else -(df + 1) / 2 * np.log1p(z * z / df)


def _log_sum(logs: Floats) -> Floats:
    """Log of the sum of exp over the last axis."""
    top = logs.max(axis=-1)
    return np.asarray(top + np.log(np.exp(logs - top[..., None]).sum(axis=-1)))
