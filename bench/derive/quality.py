"""Quality from per-example outcomes: the value with its interval, and the drop paired with the baseline's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.reading import Reading
from bench.stats import Interval, flips, mean_interval, paired_bounds, paired_difference

CONSTANT = "constant"  # the method of an interval of outcomes that are all one number
ALPHA = 0.025  # on either side
Outcomes = np.ndarray[Any, np.dtype[np.float64]]


def derive_quality(metric: Mapping[str, Any], outcomes: Outcomes, baseline: Outcomes | None) -> Reading:
    """Return quality on the held-out split; `drop` is how much worse than the baseline, on the same examples.

    A positive drop is worse, whichever way the metric points; its interval is paired example by example. An interval
    is open (None) where nothing bounds it: one example, or outcomes that are all one number and not right or wrong.
    Raises ValueError for outcomes of no example, or of others than the baseline's.
    """
    if not len(outcomes):
        raise ValueError("the task graded no example")
    if baseline is not None and len(baseline) != len(outcomes):
        raise ValueError(f"the task graded {len(outcomes)} examples, and {len(baseline)} of the baseline")

    interval = mean_interval(outcomes)
    facts: dict[str, Any] = {"metric": metric["name"], "higher_is_better": metric["higher_is_better"]}
    if baseline is not None:
        facts["drop"] = drop_between(bool(metric["higher_is_better"]), outcomes, baseline)
    unit, ends = str(metric["unit"]), _ends(interval)
    found = Reading(unit, "measured", interval.value, *ends, len(outcomes), "held-out", facts=facts)
    return found.explained(f"{len(outcomes)} examples show no spread that bounds the mean")


def drop_between(higher: bool, outcomes: Outcomes, baseline: Outcomes) -> dict[str, Any]:
    """Return how much worse outcomes are than a baseline's, paired by example, with the flips in both directions."""
    better, worse = (outcomes, baseline) if higher else (baseline, outcomes)
    gained, lost = flips(worse, better)
    interval = paired_difference(better, worse)
    if interval.method == CONSTANT:  # no example differs from another, which says little of those not seen
        interval = paired_bounds(better, worse, ALPHA)
    low, high = _ends(interval)
    return {"value": interval.value, "low": low, "high": high, "gained": gained, "lost": lost}


def _ends(interval: Interval) -> tuple[float | None, float | None]:
    """Return the ends of an interval, None where it is open: a spread that was not seen is not one of 0."""
    bounded = math.isfinite(interval.low) and math.isfinite(interval.high)
    seen = interval.method != CONSTANT and interval.width > 0
    return (interval.low, interval.high) if bounded and seen else (None, None)
