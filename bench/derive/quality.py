"""Quality from per-example outcomes: the value with its interval, and the drop paired with the baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.reading import Reading
from bench.stats import flips, mean_interval, paired_difference

Outcomes = np.ndarray[Any, np.dtype[np.float64]]


def derive_quality(metric: Mapping[str, Any], outcomes: Outcomes, baseline: Outcomes | None) -> Reading:
    """Return quality on the held-out split; `drop` is how much worse than the baseline, on the same examples.

    A positive drop is worse, whichever way the metric points; its interval is paired example by example.
    """
    interval = mean_interval(outcomes)
    facts: dict[str, Any] = {"metric": metric["name"], "higher_is_better": metric["higher_is_better"]}
    if baseline is not None and len(baseline) == len(outcomes):
        facts["drop"] = _drop(metric, outcomes, baseline)
    return Reading(
        str(metric["unit"]),
        "measured",
        interval.value,
        interval.low,
        interval.high,
        len(outcomes),
        "held-out",
        facts=facts,
    )


def _drop(metric: Mapping[str, Any], outcomes: Outcomes, baseline: Outcomes) -> dict[str, Any]:
    higher = bool(metric["higher_is_better"])
    better, worse = (outcomes, baseline) if higher else (baseline, outcomes)
    gained, lost = flips(worse, better)
    if np.array_equal(better, worse):
        low = high = value = 0.0  # every single outcome is the same: there is nothing to doubt on these examples
    else:
        interval = paired_difference(better, worse)
        value, low, high = interval.value, interval.low, interval.high
    return {"value": value, "low": low, "high": high, "gained": gained, "lost": lost}
