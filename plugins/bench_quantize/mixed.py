"""Mixed precision by sensitivity: each layer's weights are quantised alone, and the outputs compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bench
from bench_quantize.allocate import WIDTHS, allocate
from bench_quantize.linear import Array
from bench_quantize.stored import Stored, encode_linear

# Examples that sensitivities are measured on: each layer and width is one pass over them.
EXAMPLES = 64


def choose(
    weights: Mapping[str, Array], run: Callable[[Mapping[str, Array]], Array], budget: float, **options: Any
) -> tuple[dict[str, Stored], dict[str, Any]]:
    """Return every weight stored in the bits that its sensitivity earns, and facts.

    `run(replaced)` returns the model's outputs with those weights replaced. Raises BenchError for a budget that the
    narrowest width is above.
    """
    before = run({})
    encoded = {
        name: {bits: encode_linear(each, bits=bits, **options) for bits in WIDTHS} for name, each in weights.items()
    }
    errors = {
        name: {bits: relative_error(run({name: found.values()}), before) for bits, found in each.items()}
        for name, each in encoded.items()
    }
    sizes = {name: each.size for name, each in weights.items()}
    try:
        chosen = allocate(errors, sizes, budget)
    except ValueError as error:
        raise bench.BenchError(f"quantize: {error}", cure=f"give budget: {min(WIDTHS)} or more") from error
    mean = sum(sizes[name] * bits for name, bits in chosen.items()) / sum(sizes.values())
    facts = {"layer_bits": chosen, "mean_bits": mean, "budget": budget}
    return {name: encoded[name][bits] for name, bits in chosen.items()}, facts


def relative_error(outputs: Array, before: Array) -> float:
    """Return the squared distance between two outputs, divided by the squared size of the second."""
    size = float(np.square(before, dtype=np.float64).sum()) or 1.0
    found = float(np.square(outputs.astype(np.float64) - before).sum()) / size
    return found if np.isfinite(found) else float(np.finfo(np.float64).max)
