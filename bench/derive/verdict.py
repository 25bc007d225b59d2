"""The validity verdict of a cell and of each of its readings: what the sentinels saw, each reason in words.

`invalid`: the number is wrong whatever else is right. `suspect`: it may be off, and is shown but never ranked. A
sentinel doubts those readings only that what it saw can move; the cell's verdict is the worst of all. Thresholds lie
where the median latency begins to be off by a tenth (benchmarks/noise.py), not where something can be seen at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.derive import sentinels
from bench.derive.phases import STARTING
from bench.reading import VERDICTS, Reading, Verdict
from bench.store import Launch

DESCHEDULED = 1.2
FEW_LAUNCHES = 3
DRIFT = 0.10
SCATTER = 0.15
SPREAD = 2.0
MEDIAN_SPREAD = 1.5
PREEMPTED_PER_S, PREEMPTED_PER_BLOCK = 200.0, 0.5  # blocks of tiny calls last too little for a rate to mean much
OTHERS = 0.20  # of all processor time of the cores we may use
WAITING, WAITING_BESIDE = 0.40, 0.10  # of the seconds; where others work as much: one crowded core of many is not ours
STOLEN = 0.10
THROTTLED = 0.02
SLOWED = 0.90
CLOCK_STEP = 0.05
TIMES, JOULES = ("latency", "startup"), ("energy", *STARTING)
ALL = (*TIMES, "memory", *JOULES)


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt some readings of a cell, by name; `latency` is always among them or is all."""

    verdict: Verdict
    reason: str
    readings: tuple[str, ...] = ("latency",)


def verdict(launches: Sequence[Launch], cell: str, threads: int) -> tuple[dict[str, Any], bool]:
    """Return {"verdict", "reasons"} and whether the floor channel was descheduled."""
    return summary(doubts(launches, cell, threads)), descheduled(launches, cell, threads)


def doubts(launches: Sequence[Launch], cell: str, threads: int) -> list[Doubt]:
    """Return every reason for doubt, the invalid ones first."""
    found = [
        *_outputs(launches, cell),
        *_counted(launches, cell),
        *_few(launches),
        *_held_up(launches, cell, threads),
        *_uneven(launches, cell),
        *_machine(launches),
        *_means(launches, cell, threads),
    ]
    return sorted(found, key=lambda each: -VERDICTS.index(each.verdict))


def summary(found: Sequence[Doubt]) -> dict[str, Any]:
    """Return the worst verdict and all reasons."""
    worst = max((each.verdict for each in found), key=VERDICTS.index, default="valid")
    return {"verdict": worst, "reasons": [each.reason for each in found]}


def judged(readings: Mapping[str, Reading], found: Sequence[Doubt]) -> dict[str, Reading]:
    """Return the readings, each with the doubts that concern it beside its own; what is unavailable stays so."""
    return {name: _doubted(each, [d for d in found if name in d.readings]) for name, each in readings.items()}


def descheduled(launches: Sequence[Launch], cell: str, threads: int) -> bool:
    """Whether other work kept a single thread off its processor, so that only processor time can be trusted."""
    if threads != 1 or sentinels.waits_by_itself(launches, cell):
        return False
    return sentinels.wall_over_cpu(launches, cell) > DESCHEDULED


def _doubted(reading: Reading, found: Sequence[Doubt]) -> Reading:
    if not found or reading.value is None:
        return reading
    worst = max((reading.verdict, *(each.verdict for each in found)), key=VERDICTS.index)
    return replace(reading, verdict=worst, reasons=(*reading.reasons, *(each.reason for each in found)))


def _outputs(launches: Sequence[Launch], cell: str) -> Iterator[Doubt]:
    outputs = {digest for each in launches for digest in each.meta["outputs"].get(cell, [])}
    if len(outputs) > 1:
        yield Doubt("invalid", f"the same inputs gave {len(outputs)} different outputs", ALL)


def _counted(launches: Sequence[Launch], cell: str) -> Iterator[Doubt]:
    """Doubt everything where a lazy runtime did not do what was timed, or did more: a clock cannot tell."""
    if fault := sentinels.miscounted(launches, cell):
        why, faulty, windows = fault
        yield Doubt("invalid", f"{why} (in {faulty} of {windows} windows something of the kind)", ALL)


def _few(launches: Sequence[Launch]) -> Iterator[Doubt]:
    if len(launches) < FEW_LAUNCHES:
        yield Doubt("suspect", f"only {len(launches)} launches: an interval needs at least {FEW_LAUNCHES}", ALL)


def _held_up(launches: Sequence[Launch], cell: str, threads: int) -> Iterator[Doubt]:
    """Doubt a process that was kept waiting or taken off its processor."""
    if descheduled(launches, cell, threads):
        share = sentinels.wall_over_cpu(launches, cell)
        text = f"descheduled: wall time is {share:.2f}x processor time; the machine is busy with other work"
        yield Doubt("suspect", text, TIMES)
    rate, in_block = sentinels.preempted(launches, cell)
    if rate > PREEMPTED_PER_S and in_block > PREEMPTED_PER_BLOCK:
        yield Doubt("suspect", f"preempted: {rate:.0f} times per processor second, by other work", TIMES)
    if (spread := sentinels.mean_over_floor(launches, cell)) > SPREAD:
        yield Doubt("suspect", f"the mean is {spread:.1f}x the floor: something interrupts the calls")
    if (spread := sentinels.median_over_floor(launches, cell)) > MEDIAN_SPREAD:
        yield Doubt("suspect", f"the median is {spread:.1f}x the floor: calls of the same work are not alike")


def _uneven(launches: Sequence[Launch], cell: str) -> Iterator[Doubt]:
    """Doubt what moved while it was measured."""
    moved = ("latency", "energy")
    if (drift := sentinels.drift_over_launches(launches, cell)) > DRIFT:
        yield Doubt("suspect", f"latency drifted by {drift:.0%} from the first launches to the last", moved)
    if (drift := sentinels.drift_over_rounds(launches, cell)) > DRIFT:
        yield Doubt("suspect", f"latency drifted by {drift:.0%} from the first rounds of a launch to the last", moved)
    if (scatter := sentinels.scatter_of_floors(launches, cell)) > SCATTER:
        yield Doubt("suspect", f"even the fastest calls differ by {scatter:.0%} between launches", moved)


def _machine(launches: Sequence[Launch]) -> Iterator[Doubt]:
    """Doubt numbers read while the machine did other things, or was slowed down."""
    if (others := sentinels.watched(launches, "others_s", "total_s") or 0.0) > OTHERS:
        yield Doubt("suspect", f"other work took {others:.0%} of the processor time", TIMES)
    waiting = sentinels.watched(launches, "pressure_s", "seconds") or 0.0
    if waiting > WAITING and others > WAITING_BESIDE:
        yield Doubt("suspect", f"some process waited for a processor {waiting:.0%} of the time", TIMES)
    if (stolen := sentinels.stolen(launches) or 0.0) > STOLEN:
        yield Doubt("suspect", f"the hypervisor took {stolen:.0%} of the processor time that was wanted", ALL)
    if (throttled := sentinels.watched(launches, "throttled_s", "seconds") or 0.0) > THROTTLED:
        yield Doubt("suspect", f"the cgroup's quota held processes back {throttled:.0%} of the time", TIMES)
    if events := sentinels.thermal_events(launches):
        yield Doubt("suspect", f"cores were slowed down for heat {events} times", (*TIMES, *JOULES))
    seen = sentinels.frequencies(launches)
    if seen and seen[0] < SLOWED * seen[1]:
        text = f"the clock frequency went between {seen[0] / 1e9:.2f} and {seen[1] / 1e9:.2f} GHz"
        yield Doubt("suspect", text, (*TIMES, *JOULES))


def _means(launches: Sequence[Launch], cell: str, threads: int) -> Iterator[Doubt]:
    """Doubt numbers for which there were too few processors or too coarse a clock."""
    usable = sentinels.processors(launches)
    if usable is not None and threads > usable:
        text = f"{threads} threads share {usable:g} processors: they wait for one another"
        yield Doubt("suspect", text, (*TIMES, *JOULES))
    step = sentinels.clock_step_share(launches, cell) or 0.0
    if step > CLOCK_STEP:
        yield Doubt("suspect", f"the clock's smallest step is {step:.0%} of a call")
