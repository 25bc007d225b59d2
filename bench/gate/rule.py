"""The decision rule of a paired cell: evidence over launches, looked at after every one of them.

Two channels, one number a launch each (bench.derive.launches): `floor`, the log-ratio of block minima, and `work`, the
log-ratio of processor time. Against the fail limit an e-process gathers evidence that the true ratio is greater; against
the pass limit, that it is smaller. A cell fails when either channel fails and passes when both pass; else it is
undecided, and inconclusive once the budget is spent.

Levels, by Ville's inequality at every look: a cell whose true ratio is at the fail limit fails with probability at most
alpha over all cells and channels of the gate together (Bonferroni on e-values, whatever their dependence); a cell whose
true ratio is at the pass limit in a channel passes with probability at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench.stats import confidence_sequence, log_e_value

Floats = np.ndarray[Any, np.dtype[np.float64]]
Numbers = Floats | Sequence[float]
# What a rerun starts from: the launches' log-ratios by channel, natural logarithms.
Evidence = Mapping[str, Sequence[float]]
Outcome = Literal["pass", "fail", "inconclusive"]
CHANNELS = ("floor", "work")


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
    of earlier runs of the same two artifacts: its launches count like new ones. `descheduled` (median wall time over
    processor time above 1.2) says that the floor did not see the machine run: it may fail, and only work may pass.
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
    """Return the smallest relative slow-down failed with 80 % power within so many launches; None where there is none.

    `launch_sd` is the standard deviation of one launch's log-ratio. The noise is taken as Gaussian; the search draws
    from a fixed seed.
    """
    noise = launch_sd * np.random.default_rng(0).standard_normal((100, launches))
    needed = math.log(len(CHANNELS) * comparisons / limits.alpha)
    limit = math.log1p(limits.floor_fail)

    def power(shift: float) -> float:
        return float(np.mean([_ever(row + shift, limit, needed) for row in noise]))

    low, high = limit, limit + 40 * max(launch_sd, 1e-4)
    if power(high) < 0.8:
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= 0.8 else (middle, high)
    return math.expm1(high)


def _ever(values: Floats, limit: float, needed: float) -> bool:
    return any(log_e_value(values[:n], limit, "greater") >= needed for n in range(1, len(values) + 1))


def _channel(values: Sequence[float], fail: float, passing: float) -> ChannelEvidence:
    if not values:
        return ChannelEvidence(0.0, 0.0, 0, None, None, None)
    interval = confidence_sequence(values).mapped(math.exp)
    return ChannelEvidence(
        log_e_value(values, math.log1p(fail), "greater"),
        log_e_value(values, math.log1p(passing), "less"),
        len(values),
        interval.value,
        interval.low,
        interval.high if math.isfinite(interval.high) else None,
    )


def _outcome(channels: Mapping[str, ChannelEvidence], alpha: float, comparisons: int, descheduled: bool) -> Outcome:
    if any(each.log_e_fail >= math.log(len(CHANNELS) * comparisons / alpha) for each in channels.values()):
        return "fail"
    asked = ("work",) if descheduled else CHANNELS
    return "pass" if all(channels[name].log_e_pass >= -math.log(alpha) for name in asked) else "inconclusive"
