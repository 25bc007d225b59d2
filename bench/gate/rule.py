"""The decision rule of a paired cell: evidence over launches, looked at after every one of them.

Two channels, one number a launch each (bench.derive.launches): `floor`, the log-ratio of block minima, and `work`, the
log-ratio of processor time. Against the fail limit an e-process gathers evidence that the true ratio is greater;
against the pass limit, that it is smaller. A cell fails when either channel fails and passes when both pass; else it is
undecided, and inconclusive once the budget is spent. Between the limits either verdict is right.

Levels, by Ville's inequality at every look: a cell whose true ratio is at the fail limit fails with probability at most
alpha over all cells and channels of the gate together (Bonferroni on e-values, whatever their dependence); a cell whose
true ratio is at the pass limit in a channel passes with probability at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from bench.stats import log_e_beyond, ratio_interval

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = Floats | Sequence[float]
# What a rerun starts from: the launches' log-ratios by channel, natural logarithms.
Evidence = Mapping[str, Sequence[float]]
Outcome = Literal["pass", "fail", "inconclusive"]
CHANNELS = ("floor", "work")
POWER = 0.8  # of `smallest_change`
DRAWS = 200


@dataclass(frozen=True)
class GateLimits:
    """Relative slow-downs: more than `*_fail` fails, less than `*_pass` passes; `alpha` is family-wise."""

    floor_fail: float = 0.005
    floor_pass: float = 0.02
    work_fail: float = 0.01
    work_pass: float = 0.03
    alpha: float = 0.01

    def __post_init__(self) -> None:
        """Raise ValueError for limits that could not be judged."""
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must lie between 0 and 1, not {self.alpha!r}")
        for channel in CHANNELS:
            fail, passing = self.of(channel)
            if not -1 < fail < passing < math.inf:
                raise ValueError(f"{channel}: expected fail limit < pass limit, not {fail!r} and {passing!r}")

    def of(self, channel: str) -> tuple[float, float]:
        """Return the channel's (fail limit, pass limit)."""
        return getattr(self, f"{channel}_fail"), getattr(self, f"{channel}_pass")


@dataclass(frozen=True)
class ChannelEvidence:
    """One channel: natural logs of its e-values, and the ratio candidate / baseline with its anytime 95 % interval."""

    log_e_fail: float
    log_e_pass: float
    launches: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Decision:
    """What the launches so far say; `evidence` is what a rerun of the same two artifacts starts from."""

    outcome: Outcome
    channels: Mapping[str, ChannelEvidence]
    evidence: Evidence


def decide(
    floor: Numbers,
    work: Numbers,
    limits: GateLimits,
    comparisons: int,
    carried: Evidence | None = None,
    descheduled: bool = False,
) -> Decision:
    """Judge one cell by its launches so far, shape (launches,) a channel, natural log-ratios; either may be empty.

    `comparisons` is the number of cells (and metrics) judged by paired launches in this gate. `carried` is the evidence
    of earlier runs of the same two artifacts: its launches count like new ones, and asking with it alone says what a
    rerun starts from. `descheduled` (median wall time over processor time above 1.2) says that the floor hardly saw
    the processor: it may still fail the cell, but the pass rests on work.
    """
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, not {comparisons!r}")
    before = carried or {}
    evidence = {
        name: [*before.get(name, ()), *(float(each) for each in new)]
        for name, new in zip(CHANNELS, (floor, work), strict=True)
    }
    channels = {name: _channel(values, *limits.of(name)) for name, values in evidence.items()}
    return Decision(_outcome(channels, limits.alpha, comparisons, descheduled), channels, evidence)


def smallest_change(launch_sd: float, launches: int, limits: GateLimits, comparisons: int) -> float | None:
    """Return the smallest relative slow-down that the floor fails with 80 % power within so many launches, else None.

    `launch_sd` is the standard deviation of one launch's log-ratio; the noise is taken as Gaussian, drawn from a fixed
    seed. Between the two limits a cell may pass before it fails, and that counts as unseen.
    """
    fail = math.log1p(limits.floor_fail)
    low, high = fail, fail + 3 * (math.log1p(limits.floor_pass) - fail) + 6 * launch_sd
    if launches < 1 or _power(high, launch_sd, launches, limits, comparisons) < POWER:
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        seen = _power(middle, launch_sd, launches, limits, comparisons) >= POWER
        low, high = (low, middle) if seen else (middle, high)
    return math.expm1(high)


def log_e_paths(values: Floats, fail: float, passing: float) -> tuple[Floats, Floats]:
    """Return a channel's running log e-values beyond its fail limit and below its pass limit.

    `values` has shape (launches, ...), natural log-ratios, and so have the results; the limits are relative.
    """
    low, high = math.log1p(fail), math.log1p(passing)
    return log_e_beyond(values, low, high), log_e_beyond(values, high, low)


def judge(
    log_fail: Mapping[str, Floats],
    log_pass: Mapping[str, Floats],
    alpha: float,
    comparisons: int,
    descheduled: Bools,
) -> tuple[Bools, Bools]:
    """Return whether a cell fails, and whether it passes, by its channels' log e-values; all arrays of one shape.

    Failing comes first. A descheduled floor need not pass, but it must lean that way: evidence of 1 at least below the
    pass limit, and of 1 at most beyond the fail limit.
    """
    needed = fail_threshold(alpha, comparisons)
    failed = (log_fail["floor"] >= needed) | (log_fail["work"] >= needed)
    leaning = descheduled & (log_pass["floor"] >= 0) & (log_fail["floor"] <= 0)
    floor = leaning | (log_pass["floor"] >= pass_threshold(alpha))
    return failed, floor & (log_pass["work"] >= pass_threshold(alpha)) & ~failed


def fail_threshold(alpha: float, comparisons: int) -> float:
    """Return the log e-value at which a channel fails: Bonferroni over the channels of all comparisons."""
    return math.log(len(CHANNELS) * comparisons / alpha)


def pass_threshold(alpha: float) -> float:
    """Return the log e-value at which a channel passes; all must, so that none needs a correction for the others."""
    return -math.log(alpha)


@lru_cache(maxsize=1024)
def _power(shift: float, launch_sd: float, launches: int, limits: GateLimits, comparisons: int) -> float:
    values = shift + launch_sd * np.random.default_rng(0).standard_normal((launches, DRAWS))
    log_fail, log_pass = log_e_paths(values, limits.floor_fail, limits.floor_pass)
    failed = log_fail >= fail_threshold(limits.alpha, comparisons)
    passed = log_pass >= pass_threshold(limits.alpha)
    first = np.where(failed.any(axis=0), failed.argmax(axis=0), launches)
    return float(np.mean((first < launches) & (first <= np.where(passed.any(axis=0), passed.argmax(axis=0), launches))))


def _channel(values: Sequence[float], fail: float, passing: float) -> ChannelEvidence:
    if not values:
        return ChannelEvidence(0.0, 0.0, 0, None, None, None)
    log_fail, log_pass = log_e_paths(np.array(values), fail, passing)
    interval = ratio_interval(values)
    high = interval.high if math.isfinite(interval.high) else None
    return ChannelEvidence(float(log_fail[-1]), float(log_pass[-1]), len(values), interval.value, interval.low, high)


def _outcome(channels: Mapping[str, ChannelEvidence], alpha: float, comparisons: int, descheduled: bool) -> Outcome:
    log_fail = {name: np.array(each.log_e_fail) for name, each in channels.items()}
    log_pass = {name: np.array(each.log_e_pass) for name, each in channels.items()}
    failed, passed = judge(log_fail, log_pass, alpha, comparisons, np.array(descheduled))
    return "fail" if failed else "pass" if passed else "inconclusive"
