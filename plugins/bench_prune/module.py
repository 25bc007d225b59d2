"""Prune a torch module: single weights by masks, or whole channels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import bench
from bench_prune.masks import Scope, magnitude_masks, sparsity_of, target_of
from bench_prune.schedule import polynomial, pruning_steps

Masks = Mapping[str, torch.Tensor]


def pruned(
    model: Any,
    ctx: bench.Context,
    *,
    sparsity: float | None,
    threshold: float | None,
    scope: Scope,
    structured: str,
    norm: str,
    round_to: int,
    finetune: float,
    schedule: str,
    steps: int,
    learning_rate: float | None,
) -> Any:
    """Return a pruned copy of `model`, its train/eval modes and torch's random state as before.

    Raises BenchError for options that contradict one another, Unsupported for a model that cannot be pruned so.
    """
    sparsity, threshold = target_of(sparsity, threshold)
    _check(threshold, structured=structured, schedule=schedule, finetune=finetune)
    fit = {"epochs": finetune, "seed": ctx.seed, "learning_rate": learning_rate}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        if structured == "channels":
            from bench_prune.channels import without_channels

            slim = without_channels(model, ctx, ratio=sparsity or 0.0, scope=scope, norm=norm, round_to=round_to)
            _fit(slim, ctx, fit)
            return slim
        clone = copy.deepcopy(model)
        _require_weights(clone)
        if schedule == "polynomial":
            _gradually(clone, ctx, fit, sparsity=sparsity or 0.0, scope=scope, events=steps)
        else:
            _at_once(clone, ctx, fit, _masks(clone, sparsity=sparsity, threshold=threshold, scope=scope))
    _note(clone, ctx)
    return clone


def prunable(model: Any) -> dict[str, torch.Tensor]:
    """Return the parameters that may be pruned, by name: those of more than one axis (no biases, no norms)."""
    return {name: each for name, each in model.named_parameters() if each.dim() > 1}


def apply_masks(model: Any, masks: Masks) -> None:
    """Set the weights outside the masks to zero, in place."""
    weights = prunable(model)
    with torch.no_grad():
        for name, mask in masks.items():
            weights[name].masked_fill_(~mask, 0)


def _masks(model: Any, **target: Any) -> Masks:
    masks = magnitude_masks(_arrays(model), **target)
    weights = prunable(model)
    return {name: torch.from_numpy(np.ascontiguousarray(each)).to(weights[name].device) for name, each in masks.items()}


def _arrays(model: Any) -> dict[str, Any]:
    # float32 holds every half-precision value exactly, and numpy knows no bfloat16.
    return {name: each.detach().float().cpu().numpy() for name, each in prunable(model).items()}


def _at_once(model: Any, ctx: bench.Context, fit: Mapping[str, Any], masks: Masks) -> None:
    apply_masks(model, masks)
    _fit(model, ctx, fit, lambda _step, _total: apply_masks(model, masks))


def _gradually(
    model: Any, ctx: bench.Context, fit: Mapping[str, Any], *, sparsity: float, scope: Scope, events: int
) -> None:
    """Raise the sparsity along the polynomial while fine-tuning; the target holds at the end however short it was."""
    masks: Masks = {}

    def after_step(step: int, total: int) -> None:
        nonlocal masks
        moments = pruning_steps(total, events)
        if step in moments:
            masks = _masks(model, sparsity=polynomial(step, moments[-1], sparsity), scope=scope)
        apply_masks(model, masks)

    _fit(model, ctx, fit, after_step)
    apply_masks(model, _masks(model, sparsity=sparsity, scope=scope))


def _fit(
    model: Any, ctx: bench.Context, fit: Mapping[str, Any], after_step: Callable[[int, int], None] | None = None
) -> None:
    if not fit["epochs"]:
        return
    modes = {each: each.training for each in model.modules()}
    ctx.note(fit=dict(ctx.fit(model, **fit, after_step=after_step)))
    for each, training in modes.items():
        each.training = training


def _note(model: Any, ctx: bench.Context) -> None:
    sparsity = sparsity_of(_arrays(model))
    parameters = sum(each.numel() for each in model.parameters())
    nonzero = sum(int(each.count_nonzero()) for each in model.parameters())
    ctx.note(sparsity=sparsity, parameters=parameters, nonzero=nonzero)
    ctx.log(f"{sparsity:.2%} of the weights are zero")


def _require_weights(model: Any) -> None:
    if not prunable(model):
        raise bench.Unsupported(
            "prune: the model has no weight of more than one axis",
            cure="a quantised module holds its weights packed: put prune before quantize in the recipe",
        )


def _check(threshold: float | None, *, structured: str, schedule: str, finetune: float) -> None:
    if structured == "channels" and threshold is not None:
        raise bench.BenchError("prune: channels are removed to a sparsity, not by a threshold", cure="give sparsity")
    if schedule == "polynomial" and structured == "channels":
        raise bench.BenchError("prune: channels are removed at once", cure="use schedule: one-shot")
    if schedule == "polynomial" and threshold is not None:
        raise bench.BenchError("prune: the polynomial schedule leads to a sparsity", cure="give sparsity, no threshold")
    if schedule == "polynomial" and not finetune:
        raise bench.BenchError(
            "prune: the polynomial schedule prunes while it fine-tunes", cure="give finetune: 1 (epochs) or more"
        )
