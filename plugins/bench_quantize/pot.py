"""Levels that are powers of two, or sums of few of them: a product with one is a shift (and an addition or two).

Li, Dong and Wang, *Additive Powers-of-Two Quantization*, 2020 (arXiv:1909.13144), equations 3 and 6, with one of the
bits for the sign. All levels lie in [-1, 1]; a scale maps them to a channel's range.
"""

from __future__ import annotations

import itertools

import numpy as np

from bench_quantize.linear import Array


def pot_levels(bits: int) -> Array:
    """Return the 2^bits - 1 levels 0, +-2^0, +-2^-1 ... +-2^-(2^(bits-1) - 2), ascending (float64).

    >>> pot_levels(3).tolist()
    [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]
    """
    return _mirrored([0.0, *(2.0**-i for i in range((1 << (bits - 1)) - 1))])


def apot_levels(bits: int) -> Array:
    """Return the additive levels, ascending (float64): 2^bits - 1 of them, where no two sums are equal.

    With n terms of k = 2 bits, term i is one of 0, 2^-i, 2^-(i+n), 2^-(i+2n). Where the bits beside the sign are odd,
    one more term has one bit, and its exponent comes between the second and the third of the others, as in the authors'
    code. The largest sum is scaled to 1.

    >>> apot_levels(4)[7:].round(2).tolist()
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0]
    """
    n, odd = divmod(bits - 1, 2)
    terms = [[0.0, 2.0**-i, 2.0 ** -(i + n), 2.0 ** -(i + 2 * n + odd)] for i in range(n)]
    single = [[0.0, 2.0 ** -(2 * n)]] if odd else []
    sums = sorted({sum(each) for each in itertools.product(*terms, *single)})
    return _mirrored([each / sums[-1] for each in sums])


def _mirrored(positive: list[float]) -> Array:
    return np.unique(np.concatenate([positive, np.negative(positive)]) + 0.0)
