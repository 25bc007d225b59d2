"""How much each weight matters: one score a weight, the lowest go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import bench
from bench_prune.masks import Array
from bench_prune.options import Options
from bench_prune.weights import arrays, prunable

Scores = dict[str, Array]
Scorer = Callable[[Any, bench.Context, Options], Scores]


def magnitude(model: Any, ctx: bench.Context, options: Options) -> Scores:
    """Return |w| (Han et al. 2015)."""
    del ctx, options
    return {name: np.abs(each) for name, each in arrays(model).items()}


def random(model: Any, ctx: bench.Context, options: Options) -> Scores:
    """Return uniform numbers from the seed: the control that every other method has to beat.

    Drawn as torch.nn.utils.prune draws them, and negated, since there the largest go.
    """
    del options
    dice = torch.Generator().manual_seed(ctx.seed)
    return {name: -torch.rand(each.shape, generator=dice).numpy() for name, each in prunable(model).items()}


def scores_of(model: Any, ctx: bench.Context, options: Options) -> Scores:
    """Return the scores of a module's weights by the method that the options name."""
    return _scorers()[options.method](model, ctx, options)


def without(scores: Scores, gone: Mapping[str, Array]) -> Scores:
    """Return the scores with -inf where a weight is gone already: it never comes back."""
    return {name: np.where(gone[name], -np.inf, each) if name in gone else each for name, each in scores.items()}


def _scorers() -> Mapping[str, Scorer]:
    from bench_prune import activation, gradient

    return {
        "magnitude": magnitude,
        "lottery": magnitude,
        "random": random,
        "snip": gradient.snip,
        "grasp": gradient.grasp,
        "taylor": gradient.taylor,
        "fisher": gradient.fisher,
        "wanda": activation.wanda,
    }
