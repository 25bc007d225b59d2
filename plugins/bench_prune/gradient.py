"""Scores from gradients of the loss on labelled training examples, at the weights as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

import bench
from bench_prune.masks import Array
from bench_prune.options import Options
from bench_prune.weights import array, modes_kept, prunable

BATCH = 64
Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


def snip(model: Any, ctx: bench.Context, options: Options) -> dict[str, Array]:
    """Return |w g|, g the gradient of the mean loss (SNIP, Lee et al. 2019, eq. 6; its norming keeps the order)."""
    with _evaluating(model) as weights:
        gradients = _mean_gradient(model, ctx, options.examples, weights)
        return _arrays(weights, [(w * g).abs() for w, g in zip(weights.values(), gradients, strict=True)])


def taylor(model: Any, ctx: bench.Context, options: Options) -> dict[str, Array]:
    """Return (w g)^2, averaged over batches of 64 (first order, Molchanov et al. 2019, eq. 8)."""
    return _squared(model, ctx, options.examples, batch=BATCH)


def fisher(model: Any, ctx: bench.Context, options: Options) -> dict[str, Array]:
    """Return half the mean over examples of (w g)^2, g one example's gradient (empirical Fisher, Theis et al. 2018)."""
    return {name: each / 2 for name, each in _squared(model, ctx, options.examples, batch=1).items()}


def grasp(model: Any, ctx: bench.Context, options: Options) -> dict[str, Array]:
    """Return w (H g): taking w out changes the squared gradient by about -2 w (H g) (GraSP, Wang et al. 2020, eq. 8).

    What carries the gradient stays, so the smallest go; H is the Hessian of the mean loss.
    """
    with _evaluating(model) as weights:
        goal = _mean_gradient(model, ctx, options.examples, weights)
        product = [torch.zeros_like(each) for each in goal]
        for share, batch in _batches(model, ctx, options.examples, BATCH):
            slopes = _gradients(mean_loss(model, *batch), weights, keep=True)
            along = sum((slope * g).sum() for slope, g in zip(slopes, goal, strict=True))
            if not isinstance(along, torch.Tensor) or not along.requires_grad:
                continue  # a loss without curvature in these weights
            for total, more in zip(product, _gradients(along, weights), strict=True):
                total.add_(share * more)
        return _arrays(weights, [w * h for w, h in zip(weights.values(), product, strict=True)])


def mean_loss(model: Any, inputs: dict[str, torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy where the targets are classes, else the mean squared error."""
    outputs = model(**inputs)
    if targets.dtype == torch.int64 and targets.dim() == 1:
        return torch.nn.functional.cross_entropy(outputs, targets)
    return torch.nn.functional.mse_loss(outputs, targets.to(outputs.dtype))


def labelled_batches(model: Any, ctx: bench.Context, examples: int, size: int) -> Iterator[Batch]:
    """Yield labelled training examples in batches, on the model's device."""
    inputs, targets = ctx.labelled(examples)
    device = next(model.parameters()).device
    for start in range(0, len(targets), size):
        rows = slice(start, start + size)
        given = {name: torch.from_numpy(each[rows]).to(device) for name, each in inputs.items()}
        yield given, torch.from_numpy(targets[rows]).to(device)


def _batches(model: Any, ctx: bench.Context, examples: int, size: int) -> Iterator[tuple[float, Batch]]:
    """Yield batches, each with its share of all examples."""
    batches = [*labelled_batches(model, ctx, examples, size)]
    total = sum(len(targets) for _, targets in batches)
    for batch in batches:
        yield len(batch[1]) / total, batch


def _squared(model: Any, ctx: bench.Context, examples: int, *, batch: int) -> dict[str, Array]:
    with _evaluating(model) as weights:
        sums = [torch.zeros_like(each) for each in weights.values()]
        for share, given in _batches(model, ctx, examples, batch):
            slopes = _gradients(mean_loss(model, *given), weights)
            for total, w, g in zip(sums, weights.values(), slopes, strict=True):
                total.add_(share * (w.detach() * g) ** 2)
        return _arrays(weights, sums)


def _mean_gradient(
    model: Any, ctx: bench.Context, examples: int, weights: dict[str, torch.Tensor]
) -> list[torch.Tensor]:
    sums = [torch.zeros_like(each) for each in weights.values()]
    for share, batch in _batches(model, ctx, examples, BATCH):
        for total, g in zip(sums, _gradients(mean_loss(model, *batch), weights), strict=True):
            total.add_(share * g)
    return sums


def _gradients(value: torch.Tensor, weights: dict[str, torch.Tensor], *, keep: bool = False) -> list[torch.Tensor]:
    found = torch.autograd.grad(value, list(weights.values()), create_graph=keep, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights.values(), found, strict=True)]


def _arrays(weights: dict[str, torch.Tensor], values: list[torch.Tensor]) -> dict[str, Array]:
    return {name: array(each) for name, each in zip(weights, values, strict=True)}


@contextmanager
def _evaluating(model: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Give the weights, their gradients asked for, with the model in evaluation mode: examples do not mix in norms."""
    weights = prunable(model)
    frozen = [each for each in weights.values() if not each.requires_grad]
    with modes_kept(model), torch.enable_grad():
        model.eval()
        for each in frozen:
            each.requires_grad_(True)
        try:
            yield weights
        finally:
            for each in frozen:
                each.requires_grad_(False)
