"""NF4: 16 levels that a normally distributed weight uses about equally often.

Dettmers et al., *QLoRA*, 2023 (arXiv:2305.14314), section 3 and appendix E: quantiles of N(0, 1), asymmetric so that
zero is a level, in blocks of 64 that are scaled by their largest magnitude.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from bench_quantize.linear import Array

BLOCK = 64
# The outermost quantile: 1 - (1/30 + 1/32) / 2, between the two that 15 and 16 intervals would give.
OUTERMOST = 1 - (1 / 30 + 1 / 32) / 2


def levels() -> Array:
    """Return the 16 levels, ascending from -1 to 1 (float64): 8 below and with zero, 8 above."""
    quantile = NormalDist().inv_cdf
    above = [quantile(p) for p in np.linspace(OUTERMOST, 0.5, 9)[:-1]]
    below = [-quantile(p) for p in np.linspace(OUTERMOST, 0.5, 8)[:-1]]
    found = np.sort([*below, 0.0, *above])
    return np.asarray(found / found.max())
