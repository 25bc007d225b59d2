"""Readings of one cell from its launches: latency, memory, start-up, energy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.derive.estimate import estimated
from bench.derive.launches import calls, cpu_per_call, floors
from bench.reading import Reading
from bench.stats import clustered_quantile, mean_interval, median_interval
from bench.store import Launch

ELSEWHERE = "the calls run in a program of their own, outside the worker that is looked at"
PAGE = 4096  # bytes
# What is said of memory where no device was watched.
HOST = {
    "meter": "VmHWM",
    "method": "VmHWM reset before the window, minus base",
    "missing": "the kernel does not let a process reset its memory high-water mark here",
}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def latency(launches: Sequence[Launch], cell: str, batch: int) -> Reading:
    """Return the latency of one query: the median, with every quantile that the sample supports.

    Intervals are clustered by launch. A quantile the sample does not support is absent, not extrapolated.
    """
    by_launch = [calls(each, cell).ravel() for each in launches]
    found = {name: clustered_quantile(by_launch, q) for name, q in QUANTILES.items()}
    quantiles = {
        name: [each.value, *(end if math.isfinite(end) else None for end in (each.low, each.high))]
        for name, each in found.items()
        if each is not None
    }
    n = sum(len(each) for each in by_launch)
    floor = float(np.median([floors(each, cell).min() for each in launches]))
    value, low, high = quantiles.get("p50", [float(np.median(np.concatenate(by_launch))), None, None])
    facts: dict[str, Any] = {"quantiles": quantiles, "floor": floor, "launches": len(launches), "per": "query"}
    if batch != 1:
        facts["batch"] = batch
    reading = Reading("s", "measured", value, low, high, n, clock_of(launches, cell), facts=facts)
    return reading.explained(_unbounded(len(launches)))


def clock_of(launches: Sequence[Launch], cell: str) -> str:
    """Return whose clock timed the calls: "wall", ours, unless the session said another."""
    told = {str(each.meta.get("headers", {}).get(cell, {}).get("clock", "wall")) for each in launches}
    return told.pop() if len(told) == 1 else "wall"


def memory(launches: Sequence[Launch], cell: str) -> Reading:
    """Return peak memory during inference above the base read before the session was opened; load peak beside it.

    It is the process's memory, or that of the device which the backend watched.
    The interval is that of the median over launches, and never narrower than a page, which is what the kernel counts.
    """
    headers = [each.meta["headers"][cell] for each in launches]
    if any("clock" in each for each in headers):
        return Reading.missing("B", ELSEWHERE)
    told = next((each["memory"] for each in headers if "memory" in each), HOST)
    peaks = [each["inference_peak_bytes"] for each in headers if each.get("inference_peak_bytes") is not None]
    if not peaks:
        return Reading.missing("B", str(told["missing"] or "the device does not tell its peak"))
    loads = [each["load_peak_bytes"] for each in headers if each.get("load_peak_bytes") is not None]
    bases = [each["base_bytes"] for each in headers if each.get("base_bytes") is not None]
    facts = {"load_peak": _median(loads), "base": _median(bases), "method": str(told["method"])}
    middle = float(np.median(peaks))
    low, high = _ends(peaks)
    if low is not None and high is not None:
        low, high = max(min(low, middle - PAGE / 2), 0.0), max(high, middle + PAGE / 2)
    found = Reading("B", "measured", middle, low, high, len(peaks), str(told["meter"]), facts=facts)
    return found.explained(_unbounded(len(peaks)))


def startup(launches: Sequence[Launch], cell: str) -> Reading:
    """Return seconds from a ready interpreter to the first result: opening the artifact and the first call."""
    headers = [each.meta["headers"][cell] for each in launches]
    totals = [(each["load_ns"] + each["first_ns"]) / 1e9 for each in headers]
    facts = {
        "import": _median([each["import_ns"] / 1e9 for each in headers]),
        "load": _median([each["load_ns"] / 1e9 for each in headers]),
        "first": _median([each["first_ns"] / 1e9 for each in headers]),
    }
    found = Reading("s", "measured", float(np.median(totals)), *_ends(totals), len(totals), "wall", facts=facts)
    return found.explained(_unbounded(len(totals)))


def estimated_energy(launches: Sequence[Launch], cell: str, meter: Mapping[str, Any], batch: int) -> Reading:
    """Return joules per inference estimated from processor seconds x watts per busy processor.

    For comparing artifacts inside one machine; blind to frequency, vector units and memory traffic. The interval is
    that of the processor time over launches, stretched by the honest factor of such models.
    """
    if any("clock" in each.meta.get("headers", {}).get(cell, {}) for each in launches):
        return Reading.missing("J", ELSEWHERE)
    per_launch = [float(np.median(cpu_per_call(each, cell))) / batch for each in launches]
    if not any(per_launch):
        return Reading.missing("J", "the processor clock did not advance during the blocks")
    seconds = mean_interval(np.array(per_launch))
    window_s = sum(float(each.samples[cell][:, : int(each.meta["n"])].sum()) for each in launches) / 1e9
    between = seconds.low, seconds.high
    facts = {"per": "inference", "cpu_seconds": [seconds.value, *between]}
    return estimated(seconds.value, meter, window_s=window_s, n=len(launches), between=between, **facts)


def _ends(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the interval of the median of what is never negative, one number a launch; None where it is open."""
    found = median_interval(values)
    return (max(found.low, 0.0), found.high) if math.isfinite(found.high) else (None, None)


def _unbounded(launches: int) -> str:
    return f"{launches} launches do not bound the median at 95 %"


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
