"""Energy from samples of power: the trapezoid rule over jittered times, and what is not known about it.

A sampled sensor sees instants, not energy. Jitter makes the instants of a periodic load a random sample (Shapiro &
Silverman 1960, alias-free sampling), so what lies between them is a sampling error that can be stated. Its scale is von
Neumann's (1941) mean square successive difference: of white noise it is the variance, of a slow drift (which the
trapezoid follows) nearly nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.measure.energy.sources import PowerSource, Traits
from bench.measure.energy.uncertainty import Uncertainty
from bench.measure.energy.wrap import TOLERANCE, InvalidWindow
from bench.stats.special import student_quantile

Floats = np.ndarray[Any, np.dtype[np.float64]]
LEVEL = 0.95
FEWEST = 10  # samples inside a window: below, their scatter is not known well enough to state an interval
LONGEST_GAP = 10.0  # in sampling intervals
USUAL_GAP = 2.0  # what jitter itself can make, in sampling intervals, with room for a late wake-up
# Nothing states how fast a sensor refreshes: as NVML's slowest, 0.1 s.
UNSTATED_UPDATE_S = 0.1


@dataclass(frozen=True)
class Samples:
    """What a sampler brought home: `at_s` and `late_s` of shape (n,), `watts` of shape (n, sources)."""

    at_s: Floats
    late_s: Floats
    watts: Floats
    cpu_s: float = 0.0

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]], cpu_s: float = 0.0) -> Samples:
        """Rows are time, lateness and one power per source. Raises InvalidWindow when there is none."""
        table = np.asarray(rows, np.float64)
        if table.ndim != 2 or table.shape[1] < 3:
            raise InvalidWindow("the sampler brought no samples")
        return cls(table[:, 0], table[:, 1], table[:, 2:], cpu_s)


@dataclass(frozen=True)
class Integral:
    """Joules of one source over a window, and what may be wrong with them."""

    joules: float
    uncertainty: Uncertainty


def integrate(
    samples: Samples, column: int, source: PowerSource, *, start_s: float, stop_s: float, interval_s: float
) -> Integral:
    """Return the energy of one source between two times.

    Raises InvalidWindow, with the reason, where samples lie too far apart or too few, do not reach over both edges,
    or hold a power that cannot be: nothing is repaired.
    """
    at, watts = samples.at_s, samples.watts[:, column]
    _check(at, watts, source, start_s, stop_s, interval_s)
    inside = (at > start_s) & (at < stop_s)
    edges = np.interp([start_s, stop_s], at, watts)
    times = np.concatenate(([start_s], at[inside], [stop_s]))
    powers = np.concatenate((edges[:1], watts[inside], edges[1:]))
    weights = _weights(times)
    joules = float(weights @ powers)
    update_s = float(getattr(source, "update_s", UNSTATED_UPDATE_S))
    uncertainty = Uncertainty(
        edges_j=_edges_j(at, watts, start_s, stop_s) + update_s * abs(float(powers[-1] - powers[0])),
        quantum_j=float(getattr(source, "quantum_w", 0.0)) / 2 * (stop_s - start_s),
        ripple_j=_ripple_j(watts[inside], weights),
        gaps_j=_gaps_j(times, powers, interval_s),
        calibration_j=Traits.of(source).calibration * joules,
    )
    return Integral(joules, uncertainty)


def _check(at: Floats, watts: Floats, source: PowerSource, start_s: float, stop_s: float, interval_s: float) -> None:
    if not (np.isfinite(watts).all() and np.isfinite(at).all()):
        raise InvalidWindow(f"a read of {source.name} failed")
    if at[0] > start_s or at[-1] < stop_s:
        raise InvalidWindow("the samples do not reach over both edges of the window")
    inside = int(((at > start_s) & (at < stop_s)).sum())
    if inside < FEWEST:
        raise InvalidWindow(f"{inside} samples of {source.name}: at least {FEWEST} are needed; make the window longer")
    if (gap := float(np.diff(at).max())) > LONGEST_GAP * interval_s:
        raise InvalidWindow(f"nothing was sampled for {gap:.3g} s: the sampler was held up")
    if (lowest := float(watts.min())) < 0:
        raise InvalidWindow(f"{source.name} read {lowest:.4g} W: power cannot be negative")
    limit = Traits.of(source).peak_w
    if (highest := float(watts.max())) > TOLERANCE * limit:
        raise InvalidWindow(f"{source.name} read {highest:.4g} W, above {TOLERANCE} times its limit of {limit:.4g} W")


def _weights(times: Floats) -> Floats:
    """Seconds that each sample stands for under the trapezoid rule."""
    steps = np.diff(times)
    weights = np.zeros_like(times)
    weights[:-1] += steps / 2
    weights[1:] += steps / 2
    return weights


def _ripple_j(watts: Floats, weights: Floats) -> float:
    differences = np.diff(watts)
    scatter_w = math.sqrt(float((differences**2).mean()) / 2)
    # The successive difference has two thirds of the variance's efficiency (von Neumann 1941).
    df = max(2 * (watts.size - 1) // 3, 1)
    return student_quantile(LEVEL, df) * scatter_w * math.sqrt(float((weights**2).sum()))


def _edges_j(at: Floats, watts: Floats, start_s: float, stop_s: float) -> float:
    """Bound what happens between the two samples around an edge: power changes somewhere there, at worst at once."""
    first = int(np.searchsorted(at, start_s, side="right"))
    last = int(np.searchsorted(at, stop_s, side="left"))
    left = (at[first] - start_s) * abs(watts[first] - watts[first - 1])
    right = (stop_s - at[last - 1]) * abs(watts[last] - watts[last - 1])
    return float(left + right)


def _gaps_j(times: Floats, powers: Floats, interval_s: float) -> float:
    beyond = np.diff(times) - USUAL_GAP * interval_s
    return float(beyond[beyond > 0].sum() * (powers.max() - powers.min()) / 2)
