"""How much a channel matters, as torch-pruning asks: one number for each channel of a group of coupled layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

import bench
from bench_prune.activation import LAYERS, listen
from bench_prune.gradient import labelled_batches, mean_loss
from bench_prune.options import Options
from bench_prune.weights import modes_kept

BATCH = 64


def importance(model: Any, ctx: bench.Context, options: Options) -> Any:
    """Return the importance that the options' method names, ready for torch-pruning."""
    import torch_pruning as tp

    if options.method == "apoz":
        return ByInput(nonzero_shares(model, ctx, options.examples))
    if options.method == "fisher":
        return ByInput(gate_fisher(model, ctx, options.examples))
    if options.method == "random":
        return tp.importance.RandomImportance()
    if options.method == "taylor":
        _leave_gradients(model, ctx, options.examples)
        return tp.importance.GroupTaylorImportance()
    return tp.importance.GroupMagnitudeImportance(p=1 if options.norm == "l1" else 2)


def nonzero_shares(model: Any, ctx: bench.Context, examples: int) -> dict[Any, torch.Tensor]:
    """Return, by layer, the share of each input channel's values that are not zero: 1 - APoZ (Hu et al. 2016, eq. 1).

    Measured where the next layer reads the channel, that is after the activation function.
    """
    sums: dict[Any, torch.Tensor] = {}
    counts: dict[Any, int] = {}

    def hear(_name: str, layer: Any, value: torch.Tensor) -> None:
        channels = _channels_last(layer, value)
        sums[layer] = sums.get(layer, 0) + (channels != 0).float().sum(0)
        counts[layer] = counts.get(layer, 0) + len(channels)

    listen(model, ctx, examples, hear)
    return {layer: found / counts[layer] for layer, found in sums.items()}


def gate_fisher(model: Any, ctx: bench.Context, examples: int) -> dict[Any, torch.Tensor]:
    """Return, by layer, what losing each input channel costs: half the mean of g^2 (Theis et al. 2018, eq. 10).

    g is one example's derivative of the loss by a gate on the channel: the sum over places of activation x gradient.
    """
    totals: dict[Any, torch.Tensor] = {}
    heard: list[tuple[Any, torch.Tensor]] = []
    hooks = [
        each.register_forward_pre_hook(lambda layer, inputs: _gate(heard, layer, inputs))
        for each in model.modules()
        if isinstance(each, LAYERS)
    ]
    seen = 0
    try:
        with modes_kept(model), torch.enable_grad():
            model.eval()
            for inputs, targets in labelled_batches(model, ctx, examples, BATCH):
                heard.clear()
                seen += len(targets)
                # The mean's gradient of one example is 1/n of its own.
                loss = mean_loss(model, inputs, targets) * len(targets)
                slopes = torch.autograd.grad(loss, [each for _, each in heard], allow_unused=True)
                for (layer, value), slope in zip(heard, slopes, strict=True):
                    if slope is not None:
                        gates = _by_example(layer, value.detach() * slope)
                        totals[layer] = totals.get(layer, 0) + (gates**2).sum(0) / 2
    finally:
        for each in hooks:
            each.remove()
    return {layer: found / seen for layer, found in totals.items()}


class ByInput:
    """Channels ranked by what the layers that read them measured; a group that nobody measured is not pruned."""

    def __init__(self, measured: Mapping[Any, torch.Tensor]) -> None:
        self._measured = measured

    def __call__(self, group: Any) -> torch.Tensor | None:
        """Return a score for each channel of the group, the mean over the layers that read it, or None."""
        import torch_pruning as tp

        readers = (tp.prune_conv_in_channels, tp.prune_linear_in_channels, tp.prune_depthwise_conv_out_channels)
        width = max(1 + max(member.root_idxs) for member in group)
        sums, counts = torch.zeros(width), torch.zeros(width)
        for member in group:
            scores = self._measured.get(member.dep.layer)
            if member.dep.pruning_fn not in readers or scores is None:
                continue
            roots = torch.as_tensor(member.root_idxs)
            sums.index_add_(0, roots, scores[torch.as_tensor(member.idxs)].cpu())
            counts.index_add_(0, roots, torch.ones(len(roots)))
        return sums / counts.clamp(min=1) if counts.any() else None


def _leave_gradients(model: Any, ctx: bench.Context, examples: int) -> None:
    """Leave the gradient of the mean loss in the parameters, where the Taylor importance looks for it."""
    model.requires_grad_(True)
    batches = [*labelled_batches(model, ctx, examples, BATCH)]
    total = sum(len(targets) for _, targets in batches)
    with modes_kept(model), torch.enable_grad():
        model.eval()
        for inputs, targets in batches:
            (mean_loss(model, inputs, targets) * (len(targets) / total)).backward()


def _gate(heard: list[tuple[Any, torch.Tensor]], layer: Any, inputs: tuple[Any, ...]) -> Any:
    """Hand the layer its input as a tensor whose gradient can be asked for."""
    value = inputs[0] if inputs[0].requires_grad else inputs[0].detach().requires_grad_(True)
    heard.append((layer, value))
    return (value, *inputs[1:])


def _channels_last(layer: Any, value: torch.Tensor) -> torch.Tensor:
    """Return values as [places, channels]."""
    moved = value if isinstance(layer, torch.nn.Linear) else value.movedim(1, -1)
    return moved.reshape(-1, moved.shape[-1])


def _by_example(layer: Any, value: torch.Tensor) -> torch.Tensor:
    """Return the sums over places as [examples, channels]."""
    moved = value if isinstance(layer, torch.nn.Linear) else value.movedim(1, -1)
    return moved.reshape(len(moved), -1, moved.shape[-1]).sum(1)
