"""Launches for the gate's replay: recorded ones drawn as units, and simulated ones with the recorded rounds' noise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.gate.rule import CHANNELS, GateLimits, judge, log_e_paths

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
# From a channel's rounds, shape (rounds, launches, sequences), what makes one number a launch of them, and the relative
# limits to the running log e-values of both sides.
Rule = Callable[[Floats, Callable[..., Floats], float, float], tuple[Floats, Floats]]
# As bench.derive.launches does: the floor by its median round, work by the mean of all.
LAUNCH_NUMBER: dict[str, Callable[..., Floats]] = {"floor": np.median, "work": np.mean}
PAIRS = {
    "aa": (("A", "A2"), ("A2", "A")),
    "p2": (("A", "p2"), ("A2", "p2")),
    "p3": (("A", "p3"), ("A2", "p3")),
}
ROUNDS, DISCARD, DESCHEDULED = 6, 3, 1.2
SLOWED, SHARE_SLOWED = 1.5, 0.1  # intermittent: a random tenth of the calls takes half as long again


@dataclass(frozen=True)
class Pool:
    """Recorded launches of one pair: `rounds[channel, launch, round]` log-ratios, `seconds` and wall / CPU a launch."""

    rounds: Floats
    seconds: Floats
    wall_over_cpu: Floats


@dataclass(frozen=True)
class Sequences:
    """Drawn launches: `rounds[channel, round, launch, sequence]`; the rest has shape [launch, sequence].

    `seconds` is what all launches up to this one cost, `paid` whether the budget covers it, `descheduled` whether the
    launches so far were.
    """

    rounds: Floats
    seconds: Floats
    paid: Bools
    descheduled: Bools


@dataclass(frozen=True)
class Ends:
    """How each sequence ended, shape (sequences,): its verdict, and what was spent on it."""

    failed: Bools
    passed: Bools
    launches: Floats
    seconds: Floats


@cache
def load(folder: Path, regime: str, pair: tuple[str, str], intermittent: bool = False) -> Pool:
    """Read every recorded launch of the small model under `regime`, side `pair[1]` over side `pair[0]`."""
    rng, rounds, seconds, shares = np.random.default_rng(0), [], [], []
    for meta, samples in recordings(folder, regime):
        n = int(meta["n"])
        base, other = (samples[side].astype(np.float64) for side in pair)
        shares.append(np.median(np.concatenate([each[:, :n].sum(axis=1) / each[:, n] for each in (base, other)])))
        if intermittent:
            other = slowed(other, n, rng)
        floor = np.log(other[:, DISCARD:n].min(axis=1) / base[:, DISCARD:n].min(axis=1))
        kept = 8  # every recording has at least so many rounds
        rounds.append([floor[:kept], np.log(other[:, n] / base[:, n])[:kept]])
        seconds.append((meta["t_spawn"] + meta["t_meas"] * ROUNDS / meta["R"]) / 3)
    return Pool(np.array(rounds).transpose(1, 0, 2), np.array(seconds), np.array(shares))


def recordings(folder: Path, regime: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield (meta, samples by variant) of the small model's launches, in the order they were recorded."""
    paths = sorted(folder.glob(f"{regime}-ort-*.npz"))
    if not paths:
        raise SystemExit(f"no recordings {regime}-ort-*.npz in {folder}")
    for path in paths:
        with np.load(path) as stored:
            yield json.loads(str(stored["meta"])), {key[2:]: stored[key] for key in stored if key.startswith("d_")}


def slowed(block: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return blocks with a random tenth of the calls slowed, wall time and processor time."""
    hit = rng.random((len(block), n)) < SHARE_SLOWED
    changed = block.copy()
    changed[:, :n] *= np.where(hit, SLOWED, 1.0)
    changed[:, n] *= 1 + (SLOWED - 1) * hit.mean(axis=1)
    return changed


def drawn(pool: Pool, budget: float, shift: Sequence[float], n: int, rng: np.random.Generator) -> Sequences:
    """Draw `n` sequences of launches without replacement; `shift` is added to the channels' log-ratios."""
    launches = len(pool.seconds)
    order = np.argsort(rng.random((launches, n)), axis=0)
    start = rng.integers(pool.rounds.shape[2] - ROUNDS + 1, size=(launches, n))
    seconds = pool.seconds[order].cumsum(axis=0)
    most = int((seconds <= budget).sum(axis=0).max())
    order, start, seconds = order[:most], start[:most], seconds[:most]
    rounds = np.stack([pool.rounds[:, order, start + k] for k in range(ROUNDS)], axis=1)
    shares = pool.wall_over_cpu[order]
    medians = np.array([np.median(shares[: k + 1], axis=0) for k in range(most)])
    added = np.asarray(shift)[:, None, None, None]
    return Sequences(rounds + added, seconds, seconds <= budget, medians > DESCHEDULED)


def round_noise(folder: Path, regime: str) -> Floats:
    """Return what rounds scatter about their launch's median, shape [channel, values]: the fitted noise."""
    pools = [load(folder, regime, pair) for pairs in PAIRS.values() for pair in pairs]
    rounds = np.concatenate([each.rounds for each in pools], axis=1)
    return np.asarray((rounds - np.median(rounds, axis=2, keepdims=True)).reshape(len(CHANNELS), -1))


def simulated(
    noise: Floats, offset_sd: float, shift: Sequence[float], shape: tuple[int, int], rng: np.random.Generator
) -> Sequences:
    """Draw (launches, sequences) of one second each: a Gaussian offset a launch, and noise of rounds, signs random."""
    size = (len(noise), ROUNDS, *shape)
    scatter = np.stack([rng.choice(each, size[1:]) for each in noise]) * rng.choice([-1.0, 1.0], size)
    offset = offset_sd * rng.standard_normal((len(noise), 1, *shape))
    seconds = np.arange(1.0, shape[0] + 1)[:, None] * np.ones(shape)
    added = np.asarray(shift)[:, None, None, None]
    return Sequences(scatter + offset + added, seconds, np.ones(shape, bool), np.zeros(shape, bool))


def ours(rounds: Floats, number: Callable[..., Floats], fail: float, passing: float) -> tuple[Floats, Floats]:
    """Ask the product's rule: one number a launch."""
    return log_e_paths(number(rounds, axis=0), fail, passing)


def follow(sequences: Sequences, limits: GateLimits, comparisons: int = 1, rule: Rule = ours) -> Ends:
    """Look after every launch that the budget covers, and stop at a verdict."""
    channels = zip(CHANNELS, sequences.rounds, strict=True)
    paths = {name: rule(rounds, LAUNCH_NUMBER[name], *limits.of(name)) for name, rounds in channels}
    log_fail, log_pass = ({name: each[side] for name, each in paths.items()} for side in (0, 1))
    failed, passed = judge(log_fail, log_pass, limits.alpha, comparisons, sequences.descheduled)
    decided = (failed | passed) & sequences.paid
    last = sequences.paid.sum(axis=0) - 1
    at = np.where(decided.any(axis=0), decided.argmax(axis=0), last)
    columns = np.arange(len(at))
    ends = (decided & failed)[at, columns], (decided & passed)[at, columns]
    return Ends(*ends, at + 1.0, sequences.seconds[at, columns])


def merged(ends: Sequence[Ends]) -> Ends:
    """Return the ends of several pairs as one."""
    fields = ("failed", "passed", "launches", "seconds")
    return Ends(*(np.concatenate([getattr(each, name) for each in ends]) for name in fields))
