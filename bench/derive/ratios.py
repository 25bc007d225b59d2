"""Ratios to the baseline measured beside it, and the rule that says when they are tight enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.derive.launches import Values, floor_ratios, wall_ratios, work_ratios
from bench.derive.readings import PAGE
from bench.record import Ratio
from bench.stats import ratio_interval
from bench.store import Launch

MIN_LAUNCHES = 5


@dataclass(frozen=True)
class Stop:
    """When to stop: full width of the 95 % interval of the latency ratio, and the launches it takes at least."""

    ci_width: float | None
    min_launches: int = MIN_LAUNCHES


def tight_enough(launches: Sequence[Launch], cells: Sequence[str], base: str, stop: Stop) -> bool:
    """Whether every side's interval is as narrow as asked; valid at every look, since the interval is anytime-valid."""
    if stop.ci_width is None or len(launches) < stop.min_launches:
        return False
    return all(_width(floor_ratios(launches, cell, base)) < stop.ci_width for cell in cells if cell != base)


def latency_ratio(launches: Sequence[Launch], cell: str, base: str, against: str, stop: Stop) -> Ratio:
    """Return the headline ratio: floor channel over launches, with the work and wall channels beside it."""
    values = floor_ratios(launches, cell, base)
    facts: dict[str, object] = {"wall": _centre(wall_ratios(launches, cell, base))}
    facts |= _work(work_ratios(launches, cell, base))
    if stop.ci_width is not None and not (_width(values) < stop.ci_width and len(values) >= stop.min_launches):
        facts["ci_not_reached"] = True
    return _ratio(values, against, "paired-floor", "measured", facts)


def _work(values: Values) -> dict[str, object]:
    """Return the work channel beside the floor's: where a side was descheduled, it is judged by this one."""
    facts: dict[str, object] = {"work": _centre(values)}
    if values.size:
        interval = ratio_interval(values)
        bounded = math.isfinite(interval.high)
        facts |= {"work_low": interval.low if bounded else None, "work_high": interval.high if bounded else None}
    return facts


def work_ratio(launches: Sequence[Launch], cell: str, base: str, against: str, class_: str) -> Ratio | None:
    """Return the ratio of processor time per inference, which stands for energy where nothing can be metered."""
    values = work_ratios(launches, cell, base)
    return _ratio(values, against, "paired-cpu-time", class_, {}) if values.size else None


def memory_ratio(launches: Sequence[Launch], cell: str, base: str, against: str) -> Ratio | None:
    """Return the ratio of peak memory, paired by launch; its interval is never narrower than a page of either side."""
    peaks = {side: [_header(each, side).get("inference_peak_bytes") for each in launches] for side in (cell, base)}
    ratio = _launch_ratio(peaks[cell], peaks[base], against)
    if ratio is None or ratio.low is None or ratio.high is None:
        return ratio
    page = sum(PAGE / 2 / float(np.median([each for each in peaks[side] if each])) for side in (cell, base))
    return replace(
        ratio, low=min(ratio.low, ratio.value * math.exp(-page)), high=max(ratio.high, ratio.value * math.exp(page))
    )


def startup_ratio(launches: Sequence[Launch], cell: str, base: str, against: str) -> Ratio | None:
    """Return the ratio of the time to the first result, paired by launch."""
    mine, theirs = ([_header(each, side) for each in launches] for side in (cell, base))
    first, second = ([each["load_ns"] + each["first_ns"] for each in side] for side in (mine, theirs))
    return _launch_ratio(first, second, against)


def _launch_ratio(mine: Sequence[float | None], theirs: Sequence[float | None], against: str) -> Ratio | None:
    """Return the ratio of what is read once a launch, both sides in the same one; None without a pair."""
    logs = [math.log(a / b) for a, b in zip(mine, theirs, strict=True) if a and b and a > 0 and b > 0]
    return _ratio(np.array(logs), against, "paired-launch", "measured", {}) if logs else None


def _header(launch: Launch, cell: str) -> Mapping[str, Any]:
    header: Mapping[str, Any] = launch.meta["headers"][cell]
    return header


def exact_ratio(value: float, base: float, against: str) -> Ratio:
    """Return the ratio of two counts."""
    return Ratio(value / base, value / base, value / base, against, "counted", n=1, class_="counted")


def unpaired_ratio(mine: tuple[float, float, float], other: tuple[float, float, float], against: str) -> Ratio:
    """Return the ratio of two latencies measured in different comparisons, from their (value, low, high).

    The log half-widths add in quadrature: the two were not measured side by side, and the method says so. An open
    interval on either side leaves the ratio's open.
    """
    value = mine[0] / other[0]
    if not (mine[1] > 0 and other[1] > 0 and math.isfinite(mine[2]) and math.isfinite(other[2])):
        return Ratio(value, None, None, against, "unpaired-p50")
    spread = math.hypot(math.log(mine[2] / mine[1]), math.log(other[2] / other[1])) / 2
    return Ratio(value, value * math.exp(-spread), value * math.exp(spread), against, "unpaired-p50")


def _ratio(values: Values, against: str, method: str, class_: str, facts: dict[str, object]) -> Ratio:
    interval = ratio_interval(values)
    low, high = (interval.low, interval.high) if math.isfinite(interval.high) else (None, None)
    return Ratio(interval.value, low, high, against, method, len(values), class_, facts)


def _width(values: Values) -> float:
    if len(values) < 2:
        return float("inf")
    interval = ratio_interval(values)
    return (interval.high - interval.low) / interval.value


def _centre(values: Values) -> float | None:
    return float(np.exp(np.median(values))) if values.size else None
