"""What one launch says: per side the block floors, processor times and medians; per pair their log-ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.stats import launch_value
from bench.store import Launch

# A block's first calls run in cold caches (1.34x, 1.06x, 1.006x were seen): kept in the record, not in the statistic.
DISCARD = 3
CPU = 0  # places after the n wall times: see bench.measure.recorder.TAIL
INVOLUNTARY, VOLUNTARY = 1, 2
Values = np.ndarray[Any, np.dtype[np.float64]]


def calls(launch: Launch, cell: str) -> Values:
    """Return the counted wall times, seconds, shape [rounds, n - 3]; a call below the clock's step counts as 1 ns."""
    n = int(launch.meta["n"])
    counted: Values = np.maximum(launch.samples[cell][:, min(DISCARD, n - 1) : n], 1).astype(np.float64) / 1e9
    return counted


def floors(launch: Launch, cell: str) -> Values:
    """Return each block's fastest counted call, seconds, shape [rounds]."""
    return np.asarray(calls(launch, cell).min(axis=1))


def cpu_per_call(launch: Launch, cell: str) -> Values:
    """Return each block's processor seconds per call, shape [rounds]."""
    n = int(launch.meta["n"])
    return np.asarray(launch.samples[cell][:, n + CPU], dtype=np.float64) / 1e9 / n


def involuntary_per_block(launch: Launch, cell: str) -> Values:
    """Return each block's involuntary context switches, shape [rounds]."""
    return np.asarray(launch.samples[cell][:, int(launch.meta["n"]) + INVOLUNTARY], dtype=np.float64)


def floor_ratios(launches: Sequence[Launch], cell: str, base: str) -> Values:
    """Return one number a launch: the median over rounds of log(floor / the baseline's floor)."""
    return _per_launch([np.log(floors(each, cell) / floors(each, base)) for each in launches])


def work_ratios(launches: Sequence[Launch], cell: str, base: str) -> Values:
    """Return one number a launch: the mean over rounds of the log-ratio of processor time.

    The mean, where the floor takes the median: this channel is there for what happens in some rounds only.
    """
    ratios = [_log_ratio(cpu_per_call(each, cell), cpu_per_call(each, base)) for each in launches]
    return np.array([float(each.mean()) for each in ratios if each.size])


def wall_ratios(launches: Sequence[Launch], cell: str, base: str) -> Values:
    """Return one number a launch: the median over rounds of the log-ratio of median wall times."""
    pairs = [(np.median(calls(each, cell), axis=1), np.median(calls(each, base), axis=1)) for each in launches]
    return _per_launch([np.log(mine / theirs) for mine, theirs in pairs])


def _log_ratio(mine: Values, theirs: Values) -> Values:
    """Blocks shorter than the processor clock's tick read 0: such rounds say nothing."""
    usable = (mine > 0) & (theirs > 0)
    return np.log(mine[usable] / theirs[usable])


def _per_launch(ratios: list[Values]) -> Values:
    return np.array([launch_value(each) for each in ratios if each.size])
