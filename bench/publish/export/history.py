"""The JSON of pytest-benchmark, which tools that keep a history of benchmark runs read.

Read by `pytest-benchmark compare`, `--benchmark-compare`, github-action-benchmark (tool `pytest`) and others. Times are
seconds of single counted calls; what those tools do not know of - joules, memory, class, interval, the ratio measured
beside the baseline - stands in `extra_info`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.publish.embed import dumps
from bench.reading import Reading
from bench.record import Ratio, Record

VERSION = "5.3.1"  # of the format, as pytest-benchmark writes it
FALLBACK_TIME = "1970-01-01T00:00:00+00:00"
# A record does not say of which revision it is.
UNKNOWN = "unknown"
NO_COMMIT = {"id": UNKNOWN, "time": None, "author_time": None, "dirty": False, "project": UNKNOWN, "branch": UNKNOWN}
METRICS = ("latency", "energy", "memory", "size", "quality")


def history(records: Sequence[Record], calls: Mapping[str, Sequence[float]]) -> str:
    """Return the document; `calls` holds the counted wall times of a record's cell in seconds, by the cell's id.

    A record without calls, or that is not ok, is left out: it has no times to be compared.
    """
    kept = [each for each in records if each.status == "ok" and len(calls.get(each.cell.id, ())) > 0]
    machine = kept[0].machine if kept else {}
    document = {
        "machine_info": machine_info(machine),
        "commit_info": NO_COMMIT,
        "benchmarks": [_benchmark(each, calls[each.cell.id]) for each in kept],
        "datetime": (kept[0].started if kept else "") or FALLBACK_TIME,
        "version": VERSION,
    }
    return dumps(document) + "\n"


def extra_info(readings: Mapping[str, Reading], ratios: Mapping[str, Ratio]) -> dict[str, Any]:
    """Return what stands beside the times: each reading with interval, unit and class, each ratio with its interval."""
    found: dict[str, Any] = {}
    for name in METRICS:
        if (reading := readings.get(name)) is not None:
            found[name] = _reading(reading)
    if (energy := readings.get("energy")) is not None:
        found["joules"], found["energy_class"] = energy.value, energy.class_
    if ratios:
        keys = ("value", "low", "high", "method", "class")
        found["ratios"] = {name: {key: each.to_json().get(key) for key in keys} for name, each in ratios.items()}
    return found


def stats(calls: Sequence[float]) -> dict[str, Any]:
    """Return pytest-benchmark's statistics of times in seconds, by its own definitions (pytest_benchmark/stats.py)."""
    data = sorted(float(each) for each in calls)
    mean, median = statistics.fmean(data), statistics.median(data)
    stddev = statistics.stdev(data) if len(data) > 1 else 0.0
    q1, q3 = _quartiles(data)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    beyond = [each for each in data if not mean - stddev <= each <= mean + stddev]
    inside = [each for each in data if low <= each <= high]
    return {
        "min": data[0],
        "max": data[-1],
        "mean": mean,
        "stddev": stddev,
        "rounds": len(data),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": len(data) - len(inside),
        "stddev_outliers": len(beyond),
        "outliers": f"{len(beyond)};{len(data) - len(inside)}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1 / mean if mean else 0,
        "total": sum(data),
        "iterations": 1,
    }


def machine_info(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the machine as pytest-benchmark names its facts; what the record does not say is empty."""
    named = {name: str(machine.get(name) or "") for name in ("system", "release", "python", "architecture")}
    cpu = {"brand_raw": str(machine.get("processor") or ""), "count": machine.get("cores")}
    return {**named, "node": "", "machine": named["architecture"], "python_version": named["python"], "cpu": cpu}


def _benchmark(record: Record, calls: Sequence[float]) -> dict[str, Any]:
    cell, about = record.cell, {"record": record.id, "validity": dict(record.validity)}
    return {
        "group": record.group or None,
        "name": str(cell),
        "fullname": f"{cell.suite}::{cell}",
        "params": None,
        "param": None,
        "extra_info": {**about, **extra_info(record.readings, record.ratios)},
        "options": {"timer": "perf_counter_ns", "launches": record.launches},
        "stats": stats(calls),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    own = {name: getattr(reading, name) for name in ("value", "low", "high", "n", "unit", "reason", "verdict")}
    return {**{key: value for key, value in own.items() if value is not None}, "class": reading.class_}


def _quartiles(data: Sequence[float]) -> tuple[float, float]:
    """Return the quartiles of sorted data by method 3 of https://en.wikipedia.org/wiki/Quartile, as the tool does."""
    n, rest = len(data) // 4, len(data) % 4
    if len(data) == 1:
        return data[0], data[0]
    if len(data) % 2 == 0:
        half = len(data) // 2
        return statistics.median(data[:half]), statistics.median(data[half:])
    if rest == 1:
        return 0.25 * data[n - 1] + 0.75 * data[n], 0.75 * data[3 * n] + 0.25 * data[3 * n + 1]
    return 0.75 * data[n] + 0.25 * data[n + 1], 0.25 * data[3 * n + 1] + 0.75 * data[3 * n + 2]
