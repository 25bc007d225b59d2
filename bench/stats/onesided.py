"""Evidence that the centre of paired log-ratios lies beyond a limit, gathered launch by launch and valid at every look.

The bets are those of `bench.stats.sequence`: a residual's sign is a fair coin given its size when the noise is
symmetric, so a product of 1 + b tanh(residual / c) is a test martingale for a centre at the limit, and a
supermartingale for one short of it, since the bet rises with the residual. A gate knows what matters to it: the
distance between its two limits. The scales c are mixed about 0.4 of that distance, fixed beforehand, where the interval
of an unknown ratio must spread its bets over five decades. Sources as there; rivals and figures:
docs/decisions/0003-gate-rule.md.
"""

from __future__ import annotations

import math

import numpy as np

from bench.stats.interval import Floats

# Scales as shares of the distance between the limits, and their prior: log-normal about 0.4, log-sd 0.7.
SHARES: Floats = np.array([2.0**k for k in range(-5, 3)])
_WEIGHTS: Floats = np.exp(-0.5 * (np.log(SHARES / 0.4) / 0.7) ** 2)
LOG_WEIGHTS: Floats = np.log(_WEIGHTS / _WEIGHTS.sum())
MAX_BET = 0.95


def log_e_beyond(values: Floats, limit: float, towards: float) -> Floats:
    """Return running log e-values that the centre lies beyond `limit`, on the side away from `limit` to `towards`.

    `values` has shape (launches, ...), natural log-ratios; each trailing column is a sequence of its own, and the
    result has the same shape: row n-1 is the evidence of the first n launches, in whatever order they came. Where the
    true centre is at the limit or short of it, a column ever reaches log(1 / alpha) with probability at most alpha. The
    bets are sized for a centre at `towards`, which must differ from `limit` (ValueError).
    """
    distance = towards - limit
    if not (math.isfinite(distance) and distance):
        raise ValueError(f"expected two different finite limits, not {limit!r} and {towards!r}")
    # In units of the distance: positive is beyond the limit, whichever side that is.
    beyond = (np.asarray(values, dtype=np.float64) - limit) / distance
    logs = np.log1p(MAX_BET * np.tanh(beyond[..., None] / SHARES)).cumsum(axis=0) + LOG_WEIGHTS
    top = logs.max(axis=-1, initial=-math.inf)
    return np.asarray(top + np.log(np.exp(logs - top[..., None]).sum(axis=-1)))
