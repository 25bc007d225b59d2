"""Limits of a suite against a cell's readings: kept, broken, or impossible to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.reading import Reading


def judge_limits(limits: Mapping[str, float], readings: Mapping[str, Reading]) -> dict[str, dict[str, Any]]:
    """Return, for every limit, its value, what was read and `ok`: True, False, or None where nothing tells.

    That is where nothing was read, or what was read is invalid. The point estimate is judged here, for display; the
    gate judges intervals.
    """
    return {name: {"limit": limit, **_judge(name, limit, readings)} for name, limit in limits.items()}


def _judge(name: str, limit: float, readings: Mapping[str, Reading]) -> dict[str, Any]:
    value, reading = _value(name, readings), readings.get(_reading_of(name))
    known = value is not None and (reading is None or reading.verdict != "invalid")
    return {"value": value, "ok": value <= limit if known and value is not None else None}


def _reading_of(name: str) -> str:
    """Return the reading that a limit is on: `latency_p90` is on latency, `size_compressed` on itself."""
    kind = name.partition("_")[0]
    return kind if kind in ("latency", "quality") else name


def _value(name: str, readings: Mapping[str, Reading]) -> float | None:
    kind, _, detail = name.partition("_")
    if name in ("quality_drop", "quality_loss"):
        drop = readings["quality"].facts.get("drop") if "quality" in readings else None
        lost = float(drop["value"]) if drop else None
        return lost if name == "quality_drop" or lost is None else _share(readings["quality"], lost)
    if kind == "latency" and detail and "latency" in readings:
        quantile = readings["latency"].facts.get("quantiles", {}).get(detail)
        return float(quantile[0]) if quantile else None
    reading = readings.get(name)
    return reading.value if reading is not None else None


def _share(quality: Reading, lost: float) -> float | None:
    """Return what was lost as a share of the baseline's quality, from which its own is apart by just that."""
    if quality.value is None:
        return None
    base = quality.value + (lost if quality.facts.get("higher_is_better", True) else -lost)
    return lost / abs(base) if base else None
