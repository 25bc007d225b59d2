"""Limits of a suite against a cell's readings: kept, broken, or impossible to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.reading import Reading


def judge_limits(limits: Mapping[str, float], readings: Mapping[str, Reading]) -> dict[str, dict[str, Any]]:
    """Return, for every limit, its value, what was read and `ok`: True, False, or None where nothing was read.

    The point estimate is judged here, for display; the gate judges intervals.
    """
    return {name: {"limit": limit, **_judge(_value(name, readings), limit)} for name, limit in limits.items()}


def _judge(value: float | None, limit: float) -> dict[str, Any]:
    return {"value": value, "ok": None if value is None else value <= limit}


def _value(name: str, readings: Mapping[str, Reading]) -> float | None:
    kind, _, detail = name.partition("_")
    if name == "quality_drop":
        drop = readings["quality"].facts.get("drop") if "quality" in readings else None
        return float(drop["value"]) if drop else None
    if kind == "latency" and detail and "latency" in readings:
        quantile = readings["latency"].facts.get("quantiles", {}).get(detail)
        return float(quantile[0]) if quantile else None
    reading = readings.get(name)
    return reading.value if reading is not None else None
