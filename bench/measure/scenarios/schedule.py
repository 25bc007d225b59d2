"""When queries arrive in an open loop: whether the last one is answered or not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Moments = np.ndarray[Any, np.dtype[np.int64]]


def poisson(rate: float, n: int, seed: int) -> Moments:
    """Return the moments of `n` arrivals, ns from the start, at `rate` a second: the gaps are exponential.

    MLPerf's server scenario. The same seed at another rate gives the same pattern, stretched: two sides that are
    compared meet the same bursts. Raises ValueError for a rate or count that is none.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"a rate is a number of queries a second above 0, not {rate!r}")
    if n < 1:
        raise ValueError(f"at least one query arrives, not {n}")
    gaps = np.random.Generator(np.random.PCG64(seed)).exponential(1e9 / rate, n)
    return np.round(np.cumsum(gaps)).astype(np.int64)
