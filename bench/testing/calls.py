"""Callables of a test, measured in the test's own process: blocks of both sides in turn, coin-flip order."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.derive.launches import calls, cpu_per_call, floors
from bench.derive.readings import estimated_energy
from bench.measure import memory, recorder
from bench.reading import Reading
from bench.record import Ratio
from bench.run.launch import block_calls
from bench.stats import clustered_quantile, mean_interval
from bench.store import Launch
from bench.testing.measured import LEVEL, Measured, both

Call = Callable[[], Any]
# Memory layout stays for a process and biases all its rounds one way: sd 0.56 % between launches (docs, how we
# measure), so 1.5 % holds 99 % of them. One process is one launch: its rounds cannot average this away.
LAYOUT = 0.015
LEAST_ROUNDS = 12
NOTE = "measured inside the test's process: changes below about 2 % cannot be told; give model files to tell them"


def measure_calls(call: Call, baseline: Call | None, seconds: float, meter: Mapping[str, Any] | None) -> Measured:
    """Measure a callable, and another beside it, for about so many seconds; `meter` are an energy estimator's facts."""
    sides = {"model": call, **({"baseline": baseline} if baseline is not None else {})}
    peaks = {name: _peak(each) for name, each in sides.items()}
    launch = _blocks(sides, seconds)
    readings = {name: {**_readings(launch, name, meter), "memory": peaks[name]} for name in sides}
    ratios = {"latency": _ratio(launch)} if baseline is not None else {}
    counted = calls(launch, "model").ravel().tolist()
    return Measured(readings["model"], readings.get("baseline", {}), ratios, counted, (NOTE,))


def _blocks(sides: Mapping[str, Call], seconds: float) -> Launch:
    warm = [recorder.warm_up(each) for each in sides.values()]
    n = block_calls([float(np.min(each)) / 1e9 for each in warm])
    dice = random.Random(0)
    samples: dict[str, list[Any]] = {name: [] for name in sides}
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or len(samples["model"]) < LEAST_ROUNDS:
            for name in dice.sample(sorted(sides), len(sides)):
                samples[name].append(recorder.record_block(sides[name], n)[0])
    finally:
        if enabled:
            gc.enable()
    return Launch({"n": n}, {name: np.stack(rows) for name, rows in samples.items()})


def _readings(launch: Launch, name: str, meter: Mapping[str, Any] | None) -> dict[str, Reading]:
    blocks = list(calls(launch, name))  # blocks of one process are the units there are: the interval says no more
    middle = clustered_quantile(blocks, 0.5)
    counted = np.concatenate(blocks)
    facts = {"floor": float(counted.min()), "per": "call"}
    value, low, high = (middle.value, middle.low, middle.high) if middle else (float(np.median(counted)), None, None)
    found = {"latency": Reading("s", "measured", value, low, high, counted.size, "wall", facts=facts)}
    if meter is None:
        found["energy"] = Reading.missing("J", "no energy meter can read here and no estimator is installed")
    else:
        found["energy"] = estimated_energy([launch], name, meter, 1)
    return found


def _ratio(launch: Launch) -> Ratio:
    floor = np.log(floors(launch, "model") / floors(launch, "baseline"))
    mine, base = cpu_per_call(launch, "model"), cpu_per_call(launch, "baseline")
    usable = (mine > 0) & (base > 0)
    work = np.log(mine[usable] / base[usable]) if usable.sum() >= LEAST_ROUNDS else floor
    return both(_interval(floor), _interval(work), len(floor), "in-process blocks")


def _interval(values: Any) -> tuple[float, float, float]:
    """Return the ratio with its interval over rounds, widened by what all rounds of a process share.

    Rounds are halved into pairs of neighbours first: what is left of their autocorrelation (0.17) goes with it.
    """
    pairs = values[: len(values) // 2 * 2].reshape(-1, 2).mean(axis=1)
    found = mean_interval(np.clip(pairs, *_fences(pairs)), LEVEL)
    return math.exp(found.value), math.exp(found.low - LAYOUT), math.exp(found.high + LAYOUT)


def _fences(values: Any) -> tuple[float, float]:
    """Return Tukey's fences: a round that was preempted counts as a mild one."""
    q1, q3 = np.quantile(values, [0.25, 0.75])
    return float(q1 - 1.5 * (q3 - q1)), float(q3 + 1.5 * (q3 - q1))


def _peak(call: Call) -> Reading:
    """Return the peak of resident memory during one call, above what was resident before it."""
    gc.collect()
    base, resettable = memory.resident_bytes(), memory.reset_peak()
    call()
    peak = memory.peak_bytes()
    if not resettable or peak is None or base is None:
        return Reading.missing("B", "the kernel does not let a process reset its memory high-water mark here")
    facts = {"method": "VmHWM reset before one call, minus resident memory; memory kept from earlier calls is not seen"}
    return Reading("B", "measured", float(max(peak - base, 0)), n=1, meter="VmHWM", facts=facts)
