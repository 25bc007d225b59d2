"""Joules estimated from processor seconds, with everything that stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.reading import Reading

CLOCK_STEP_S = 1e-9  # processor time is recorded in nanoseconds


def estimated(cpu_s: float, meter: Mapping[str, Any], /, *, window_s: float, n: int, **facts: Any) -> Reading:
    """Return joules as processor seconds x watts, the interval being the estimator's factor.

    `meter` holds the estimator's facts (watts_per_cpu, factor, …); `window_s` is the wall time in which `cpu_s` were
    spent, `n` in how many windows. For comparing inside one machine: blind to frequency, vector units and memory.
    """
    watts, factor = float(meter["watts_per_cpu"]), float(meter["factor"])
    value = cpu_s * watts
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
        "uncertainty": {"total_j": value * (factor - 1), "model_j": value * (factor - 1)},
        "coefficients": {"watts_per_cpu": watts, "factor": factor, "source": meter["source"]},
    }
    return Reading("J", "estimated", value, value / factor, value * factor, n, str(meter["meter"]), facts=own | facts)
