"""Pruning that goes with training: masks held through it, raised along a schedule, rewound, or led by movement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import bench
from bench_prune.options import Options
from bench_prune.schedule import geometric, rises
from bench_prune.selection import masks_for
from bench_prune.weights import Masks, apply_masks, array, modes_kept, prunable


def fit(model: Any, ctx: bench.Context, options: Options, after_step: Callable[[int, int], None] | None = None) -> None:
    """Fine-tune in place as the options say, each module's mode kept; nothing happens at 0 epochs."""
    if not options.finetune:
        return
    with modes_kept(model):
        facts = ctx.fit(
            model,
            epochs=options.finetune,
            seed=ctx.seed,
            learning_rate=options.learning_rate,
            after_step=after_step,
        )
    ctx.note(fit=dict(facts))


def at_once(model: Any, ctx: bench.Context, options: Options) -> None:
    """Prune, then fine-tune with the zeros held."""
    masks = masks_for(model, ctx, options, options.target)
    apply_masks(model, masks)
    fit(model, ctx, options, lambda _step, _total: apply_masks(model, masks))


def gradually(model: Any, ctx: bench.Context, options: Options) -> None:
    """Raise the sparsity while fine-tuning; the target holds at the end however short the training was."""
    masks: Masks = {}
    reached = 0.0

    def after_step(step: int, total: int) -> None:
        nonlocal masks, reached
        if step in (rising := rises(options, total)):
            reached = rising[step]
            masks = masks_for(model, ctx, options, reached, gone=masks)
        apply_masks(model, masks)

    fit(model, ctx, options, after_step)
    if reached != options.target:
        apply_masks(model, masks_for(model, ctx, options, options.target, gone=masks))


def ticket(model: Any, ctx: bench.Context, options: Options) -> None:
    """Find a winning ticket and train it (Frankle and Carbin 2019).

    Each round trains, takes out the smallest of what is left, and puts the rest back to where it was handed in; the
    last state is trained once more. One round for schedule one-shot, `steps` rounds for iterative.
    """
    start = {name: each.detach().clone() for name, each in model.state_dict().items()}
    rounds = options.steps if options.schedule == "iterative" else 1
    masks: Masks = {}
    for each in range(1, rounds + 1):
        fit(model, ctx, options, lambda _step, _total: apply_masks(model, masks))  # noqa: B023 - of this round
        sparsity = geometric(each / rounds, options.target, options.initial_sparsity)
        masks = masks_for(model, ctx, options, sparsity, gone=masks)
        model.load_state_dict(start)
        apply_masks(model, masks)
    ctx.note(rounds=rounds)
    fit(model, ctx, options, lambda _step, _total: apply_masks(model, masks))


def movement(model: Any, ctx: bench.Context, options: Options) -> None:
    """Keep the weights that training moves away from zero (Sanh et al. 2020, eq. 2): S = -sum of (gradient * w).

    The gradient is that of the masked weights, straight through the mask, so a weight that is out still earns its
    score and may come back, with the value it left with; what is out does not learn meanwhile.
    """
    mover = _Mover(model, ctx, options)
    handles = [each.register_hook(mover.hook(name)) for name, each in mover.weights.items() if each.requires_grad]
    try:
        fit(model, ctx, options, mover.after_step)
    finally:
        for handle in handles:
            handle.remove()
    if mover.reached != options.target:
        mover.choose(options.target)


class _Mover:
    """Scores, masks and the values that masked weights left with."""

    def __init__(self, model: Any, ctx: bench.Context, options: Options) -> None:
        self.weights = prunable(model)
        self.reached = 0.0
        self._model, self._ctx, self._options = model, ctx, options
        self._scores = {name: torch.zeros_like(each, dtype=torch.float32) for name, each in self.weights.items()}
        self._masks = {name: torch.ones_like(each, dtype=torch.bool) for name, each in self.weights.items()}
        self._left = {name: each.detach().clone() for name, each in self.weights.items()}

    def hook(self, name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return what is done with a weight's gradient: it is scored whole, and only what is in learns."""

        def on_gradient(gradient: torch.Tensor) -> torch.Tensor:
            self._scores[name] -= gradient * self._value(name)
            return gradient * self._masks[name]

        return on_gradient

    def after_step(self, step: int, total: int) -> None:
        """Renew the masks where the schedule says so, and put the zeros back."""
        if step in (rising := rises(self._options, total)):
            self.choose(rising[step])
        else:
            apply_masks(self._model, self._masks)

    def choose(self, sparsity: float) -> None:
        """Mask by the scores so far; what comes back has the value it left with."""
        self.reached = sparsity
        self._left = {name: self._value(name) for name in self.weights}
        scores = {name: array(each) for name, each in self._scores.items()}
        masks = masks_for(self._model, self._ctx, self._options, sparsity, scores=scores)
        self._masks.update(masks)
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(torch.where(self._masks[name], self._left[name], 0.0))

    def _value(self, name: str) -> torch.Tensor:
        return torch.where(self._masks[name], self.weights[name].detach(), self._left[name])
