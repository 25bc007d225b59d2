"""What the sentinels of a cell's launches read: each a number, without a judgement.

A block brings its processor time and context switches, a launch the watch over the machine (see bench.measure.watch).
Where nothing was recorded (an older journal, another system) the answer is None.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.derive.launches import VOLUNTARY, Values, calls, cpu_per_call, floors, involuntary_per_block
from bench.measure.counted import odd
from bench.store import Launch

# A session that waits of its own accord this often per call (a device, a sleep) is idle, not held up.
WAITS_PER_CALL = 0.5


def miscounted(launches: Sequence[Launch], cell: str) -> tuple[str, int, int] | None:
    """Return the first fault that a runtime's own counters show, how many windows have one, and of how many.

    None where all are sound, or the runtime does not count.
    """
    windows = [each for launch in launches for each in (launch.meta.get("counted") or {}).get(cell, ())]
    faults = [why for each in windows if (why := odd(each))]
    return (faults[0], len(faults), len(windows)) if faults else None


def wall_over_cpu(launches: Sequence[Launch], cell: str) -> float:
    """Return the median over blocks of wall time over processor time; 1 where the processor clock stood still."""
    shares: list[float] = []
    for each in launches:
        wall, cpu = _wall_per_call(each, cell), cpu_per_call(each, cell)
        shares += list(wall[cpu > 0] / cpu[cpu > 0])
    return float(np.median(shares)) if shares else 1.0


def waits_by_itself(launches: Sequence[Launch], cell: str) -> bool:
    """Whether calls give the processor up themselves more often than it is taken from them."""
    n = [int(each.meta["n"]) for each in launches]
    gave = np.concatenate(
        [each.samples[cell][:, calls_ + VOLUNTARY] / calls_ for each, calls_ in zip(launches, n, strict=True)]
    )
    taken = np.concatenate([involuntary_per_block(each, cell) / k for each, k in zip(launches, n, strict=True)])
    return float(np.median(gave)) >= WAITS_PER_CALL and float(np.median(taken)) < float(np.median(gave))


def preempted(launches: Sequence[Launch], cell: str) -> tuple[float, float]:
    """Return involuntary context switches per processor second of the blocks, and per block."""
    switches = np.concatenate([involuntary_per_block(each, cell) for each in launches])
    seconds = sum(float(cpu_per_call(each, cell).sum()) * int(each.meta["n"]) for each in launches)
    return (float(switches.sum()) / seconds if seconds > 0 else 0.0), float(switches.mean())


def drift_over_launches(launches: Sequence[Launch], cell: str) -> float:
    """Return the relative change of the launch floors between the first and the last third."""
    return abs(_drift([float(np.median(floors(each, cell))) for each in launches]))


def drift_over_rounds(launches: Sequence[Launch], cell: str) -> float:
    """Return the relative change of the block floors between the first and the last third of a launch's rounds.

    The median over launches, with their signs: noise goes either way, warming up or heating up one way only.
    """
    return abs(float(np.median([_drift(list(floors(each, cell))) for each in launches])))


def scatter_of_floors(launches: Sequence[Launch], cell: str) -> float:
    """Return how far the launch floors lie apart: the ninth decile over the first, less 1; 0 of fewer than 5."""
    values = [float(np.median(floors(each, cell))) for each in launches]
    if len(values) < 5:
        return 0.0
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high / low - 1)


def mean_over_floor(launches: Sequence[Launch], cell: str) -> float:
    """Return the mean of all counted calls over the median launch's floor."""
    every = np.concatenate([calls(each, cell).ravel() for each in launches])
    return float(every.mean() / _floor(launches, cell))


def median_over_floor(launches: Sequence[Launch], cell: str) -> float:
    """Return the median of all counted calls over the median launch's floor."""
    every = np.concatenate([calls(each, cell).ravel() for each in launches])
    return float(np.median(every) / _floor(launches, cell))


def clock_step_share(launches: Sequence[Launch], cell: str) -> float | None:
    """Return the clock's smallest step over the floor of a call."""
    headers = [each.meta.get("headers", {}).get(cell, {}) for each in launches]
    steps = [float(each["clock_step_ns"]) for each in headers if each.get("clock_step_ns")]
    return max(steps) / 1e9 / _floor(launches, cell) if steps else None


def watched(launches: Sequence[Launch], part: str, whole: str) -> float | None:
    """Return the sum over launches of one account of the watch as a share of another; None where nothing told."""
    pairs = [
        (float(w[part]), float(w[whole])) for each in launches if _both(w := each.meta.get("watch") or {}, part, whole)
    ]
    total = sum(each for _, each in pairs)
    return sum(each for each, _ in pairs) / total if total > 0 else None


def stolen(launches: Sequence[Launch]) -> float | None:
    """Return the share that a hypervisor took of the processor time that was wanted (ours, others' and its own)."""
    watches = [w for each in launches if "steal_s" in (w := each.meta.get("watch") or {})]
    wanted = sum(float(w["steal_s"]) + float(w.get("busy_s", 0.0)) for w in watches)
    return sum(float(w["steal_s"]) for w in watches) / wanted if wanted > 0 else None


def thermal_events(launches: Sequence[Launch]) -> int:
    """Return how often cores were slowed down for heat while blocks ran."""
    return sum(int((each.meta.get("watch") or {}).get("thermal_events", 0)) for each in launches)


def frequencies(launches: Sequence[Launch]) -> tuple[float, float] | None:
    """Return the lowest and the highest clock frequency seen at the launches' ends, Hz; None where nothing tells."""
    seen = [float(w["frequency_hz"]) for each in launches if "frequency_hz" in (w := each.meta.get("watch") or {})]
    return (min(seen), max(seen)) if seen else None


def processors(launches: Sequence[Launch]) -> float | None:
    """Return how many processors the blocks could use: cores, or the cgroup's quota where that is less."""
    seen = [
        min(float(w["cores"]), float(w.get("quota") or w["cores"]))
        for each in launches
        if (w := each.meta.get("watch")) and w.get("cores")
    ]
    return min(seen) if seen else None


def _both(watch: object, part: str, whole: str) -> bool:
    return isinstance(watch, dict) and part in watch and whole in watch


def _floor(launches: Sequence[Launch], cell: str) -> float:
    return float(np.median([floors(each, cell).min() for each in launches]))


def _wall_per_call(launch: Launch, cell: str) -> Values:
    n = int(launch.meta["n"])
    return np.asarray(launch.samples[cell][:, :n].sum(axis=1) / 1e9 / n)


def _drift(values: Sequence[float]) -> float:
    third = len(values) // 3
    if third == 0:
        return 0.0
    early, late = np.median(values[:third]), np.median(values[-third:])
    return float((late - early) / early)
