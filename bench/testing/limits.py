"""Limits of the fixture `efficiency`: absolute ("3 MB") and relative to the baseline ("+5 %")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.errors import BenchError, did_you_mean
from bench.gate.verdicts import MetricVerdict, Outcome
from bench.reading import Reading
from bench.record import Ratio
from bench.suite.limits import DIMENSION_OF, QUALITY, parse_limit
from bench.units import format_quantity, parse_quantity

# A drop of quality needs the test's own data and its own assertion.
KNOWN = tuple(name for name in DIMENSION_OF if name not in QUALITY)
PLAIN = tuple(name for name in KNOWN if "latency_" not in name)
DEFAULT = "latency: +5 %"


@dataclass(frozen=True)
class Limit:
    """One limit: `value` in SI, or relative (0.05 is 5 % more than the baseline); `text` as it was written."""

    name: str
    value: float
    relative: bool
    text: str


def parse(limits: str | Mapping[str, str] | None, *, against: bool) -> list[Limit]:
    """Read limits from "latency: +5 %, size: 3 MB" or a mapping of them; with a baseline, DEFAULT when there are none.

    Raises BenchError for an unknown name (with the nearest), a wrong unit, and a relative limit without a baseline.
    """
    if limits is None:
        limits = DEFAULT if against else {}
    if isinstance(limits, str):
        parts = [each.partition(":") for each in limits.split(",") if each.strip()]
        limits = {name.strip(): text.strip() for name, _, text in parts}
    return [_parse(name, str(text).strip(), against) for name, text in limits.items()]


def _parse(name: str, text: str, against: bool) -> Limit:
    if name not in KNOWN:
        raise BenchError(f"unknown limit '{name[:40]}'.{did_you_mean(name, KNOWN)}")
    try:
        if not text.startswith(("+", "-")):
            return Limit(name, parse_limit(name, text), False, text)
        if not against:
            raise BenchError(f"'{name}: {text}' is relative, and there is no baseline", cure="give baseline=…")
        if name not in PLAIN:
            raise BenchError(f"a relative limit is one of {', '.join(PLAIN)}, not '{name}'")
        return Limit(name, parse_quantity(text, "fraction"), True, text)
    except ValueError as error:
        raise BenchError(f"limit '{name}': {error}") from error


def judge(
    limit: Limit,
    readings: Mapping[str, Reading],
    ratios: Mapping[str, Ratio],
    baseline: Mapping[str, Reading],
) -> MetricVerdict:
    """Return the verdict on one limit by the whole interval: within, beyond, or across (inconclusive).

    A suspect or invalid value keeps no limit and breaks none; a ratio was measured side by side. An
    estimate is never gated, and what was not read is not comparable.
    """
    if limit.relative:
        return _relative(limit, readings.get(limit.name), baseline.get(limit.name), ratios.get(limit.name))
    reading = _reading(limit.name, readings)
    if reading is None or reading.value is None:
        why = (reading and reading.reason) or "it was not read"
        return MetricVerdict(limit.name, "budget", "not-comparable", why, class_="unavailable", limit=limit.text)
    if reading.verdict != "valid":
        why = f"the reading is {reading.verdict}: {'; '.join(reading.reasons)}"
        return MetricVerdict(
            limit.name, "budget", "inconclusive", why, reading.unit, str(reading.class_), None, reading.value,
            limit=limit.text,
        )  # fmt: skip
    outcome, why = _outcome(reading.value, reading.low, reading.high, limit.value, reading.class_)
    judged = outcome != "not-comparable" and reading.low is not None and reading.high is not None
    if judged and reading.low < reading.high:  # type: ignore[operator]
        why += f" by the interval {_shown(reading.low, reading)} to {_shown(reading.high, reading)}"  # type: ignore[arg-type]
    known = {"unit": reading.unit, "class_": str(reading.class_), "candidate": reading.value, "limit": limit.text}
    return MetricVerdict(limit.name, "budget", outcome, why, **known)  # type: ignore[arg-type]


def _relative(limit: Limit, mine: Reading | None, base: Reading | None, ratio: Ratio | None) -> MetricVerdict:
    unit = mine.unit if mine else "1"
    sides = (base.value if base else None, mine.value if mine else None)
    if ratio is None and mine and base and mine.class_ == base.class_ == "counted" and base.value and mine.value:
        exact = mine.value / base.value
        ratio = Ratio(exact, exact, exact, "baseline", "counted", class_="counted")
    if ratio is None:
        return MetricVerdict(limit.name, "paired", "not-comparable", "not read on both sides", unit, limit=limit.text)
    outcome, why = _outcome(ratio.value, ratio.low, ratio.high, 1 + limit.value, ratio.class_)
    bounds = (ratio.value, ratio.low, ratio.high)
    return MetricVerdict(
        limit.name, "paired", outcome, f"{why}, {ratio.method}", unit, ratio.class_, *sides, bounds, limit.text
    )


def _outcome(value: float, low: float | None, high: float | None, limit: float, class_: str) -> tuple[Outcome, str]:
    if class_ == "estimated":
        return "not-comparable", "an estimate is never gated"
    if class_ == "counted":
        return ("fail", "more than allowed") if value > limit else ("pass", "within the limit")
    if low is None or high is None or not math.isfinite(high):
        return "inconclusive", "no interval: too few launches"
    if low > limit:
        return "fail", "more than allowed"
    return ("pass", "within the limit") if high <= limit else ("inconclusive", "not decided")


def _reading(name: str, readings: Mapping[str, Reading]) -> Reading | None:
    """Return the reading a limit is of; a quantile of the latency is made one."""
    kind, _, quantile = name.partition("_")
    if kind != "latency" or not quantile:
        return readings.get(name)
    latency = readings.get("latency")
    found = latency.facts.get("quantiles", {}).get(quantile) if latency else None
    if not found:
        return Reading.missing("s", f"the sample does not support the {quantile}")
    return replace(latency, value=found[0], low=found[1], high=found[2]) if latency else None


def _shown(value: float, reading: Reading) -> str:
    return format_quantity(value, reading.unit) if math.isfinite(value) else "unbounded"
