"""Prune a torch module: single weights by masks, or whole channels and heads."""

from __future__ import annotations

import copy
from typing import Any

import torch

import bench
from bench_prune.masks import sparsity_of
from bench_prune.options import Options
from bench_prune.pattern import parse
from bench_prune.training import at_once, fit, gradually, movement, ticket
from bench_prune.weights import arrays, require_weights


def pruned(model: Any, ctx: bench.Context, options: Options) -> Any:
    """Return a pruned copy of `model`, its train/eval modes and torch's random state as before.

    Raises BenchError for options that contradict one another, Unsupported for a model that cannot be pruned so.
    """
    options.check()
    parse(options.pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        if options.structured != "none":
            slim = _without(model, ctx, options)
            fit(slim, ctx, options)
            return slim
        clone = copy.deepcopy(model)
        require_weights(clone)
        _way(options)(clone, ctx, options)
    _note(clone, ctx)
    return clone


def _without(model: Any, ctx: bench.Context, options: Options) -> Any:
    if options.structured == "heads":
        from bench_prune.heads import without_heads

        return without_heads(model, ctx, options)
    from bench_prune.channels import without_channels

    return without_channels(model, ctx, options)


def _way(options: Options) -> Any:
    own = {"lottery": ticket, "movement": movement}
    return own.get(options.method, at_once if options.schedule == "one-shot" else gradually)


def _note(model: Any, ctx: bench.Context) -> None:
    sparsity = sparsity_of(arrays(model))
    parameters = sum(each.numel() for each in model.parameters())
    nonzero = sum(int(each.count_nonzero()) for each in model.parameters())
    ctx.note(sparsity=sparsity, parameters=parameters, nonzero=nonzero)
    ctx.log(f"{sparsity:.2%} of the weights are zero")
