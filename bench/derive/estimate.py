"""Joules estimated from processor seconds, with everything that stands beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bench.reading import Reading

CLOCK_STEP_S = 1e-9  # processor time is recorded in nanoseconds


def estimated(
    cpu_s: float,
    meter: Mapping[str, Any],
    /,
    *,
    window_s: float,
    n: int,
    between: tuple[float, float] | None = None,
    **facts: Any,
) -> Reading:
    """Return joules as processor seconds x watts, the interval being that of the seconds times the estimator's factor.

    `meter` holds the estimator's facts (watts_per_cpu, factor, …); `window_s` is the wall time in which `cpu_s` were
    spent, `n` in how many windows; `between` is the 95 % interval of `cpu_s` (None where they were spent once and are
    known; infinite where nothing bounds them, which leaves the interval open). The two doubts are independent of one
    another, and the interval holds either at its worst: `total_j` is its
    longer arm, part by part. For comparing inside one machine: blind to frequency, vector units and memory.
    """
    watts, factor = float(meter["watts_per_cpu"]), float(meter["factor"])
    value = cpu_s * watts
    least_s, most_s = between or (cpu_s, cpu_s)
    bounded = math.isfinite(least_s) and math.isfinite(most_s)
    low, high = (max(least_s, 0.0) * watts / factor, most_s * watts * factor) if bounded else (None, None)
    scatter = {"scatter_j": (most_s - cpu_s) * watts * factor} if between and bounded else {}
    model = value * (factor - 1)
    own = {
        "kind": meter["kind"],
        "meter_version": meter["version"],
        "domains": list(meter["domains"]),
        "period_s": CLOCK_STEP_S,
        "window_s": window_s,
        "n_windows": n,
        "n_invalid": 0,
        # Only the worker's own time is charged, whatever else the machine or its host did.
        "share": 1.0,
        "steal": None,
        "uncertainty": {"total_j": model + sum(scatter.values()), "model_j": model, **scatter},
        "coefficients": {"watts_per_cpu": watts, "factor": factor, "source": meter["source"]},
    }
    return Reading("J", "estimated", value, low, high, n, str(meter["meter"]), facts=own | facts)
