"""Mixed precision: which layer gets how many bits, from the error that each would cause.

Hubara et al., *Improving Post Training Neural Quantization: Layer-wise Calibration and Integer Programming*, 2020
(arXiv:2006.10518): the harm of each layer's width is measured with all others in float, and taken to add up; the sum is
minimised under the budget. Here by dynamic programming over the bits spent (a multiple-choice knapsack).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench_quantize.linear import Array

# The widths that bytes hold whole numbers of.
WIDTHS = (2, 4, 8)
# More states than this are not told apart: costs are rounded up, so that the budget still holds.
STATES = 200_000


def allocate(errors: Mapping[str, Mapping[int, float]], sizes: Mapping[str, int], budget: float) -> dict[str, int]:
    """Return the bits of each layer: the mean over all weights is at most `budget`, and the sum of errors is least.

    `errors[layer][bits]` is the harm of that width, `sizes[layer]` the number of weights. Raises ValueError when even
    the narrowest widths are above the budget.
    """
    narrowest = min(min(each) for each in errors.values())
    room = math.floor((budget - narrowest) * sum(sizes.values()) + 1e-9)
    if room < 0:
        raise ValueError(f"a budget of {budget:g} bits is below the narrowest width")
    unit = max(math.gcd(*sizes.values()), math.ceil(room / STATES))
    costs = {
        name: {bits: math.ceil(sizes[name] * (bits - narrowest) / unit) for bits in each}
        for name, each in errors.items()
    }
    states = room // unit
    best, chosen = np.zeros(states + 1), {}
    for name, each in errors.items():
        best, chosen[name] = _add(best, {costs[name][bits]: (bits, error) for bits, error in each.items()})
    return _trace_back(chosen, costs, states)


def _add(best: Array, options: Mapping[int, tuple[int, float]]) -> tuple[Array, Array]:
    """Return, for each room, the least error with one layer more, and the bits that give it; of equals the fewest."""
    least, bits = np.full(len(best), np.inf), np.zeros(len(best), np.uint8)
    for cost, (width, error) in sorted(options.items()):
        if cost < len(best):
            found = np.concatenate([np.full(cost, np.inf), best[: len(best) - cost] + error])
            better = found < least
            least, bits = np.where(better, found, least), np.where(better, np.uint8(width), bits)
    return least, bits


def _trace_back(chosen: Mapping[str, Array], costs: Mapping[str, Mapping[int, int]], room: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in reversed(list(chosen)):
        found[name] = int(chosen[name][room])
        room -= costs[name][found[name]]
    return {name: found[name] for name in chosen}
