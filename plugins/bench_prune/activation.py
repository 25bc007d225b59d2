"""Scores from what layers are given on calibration examples: no labels, no gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import bench
from bench_prune.masks import Array
from bench_prune.options import Options
from bench_prune.weights import array, modes_kept

BATCH = 64
LAYERS = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)
Heard = Callable[[str, Any, torch.Tensor], None]


def wanda(model: Any, ctx: bench.Context, options: Options) -> dict[str, Array]:
    """Return |w_ij| * ||x_j||, x_j all values that meet column j of a layer's weight (Wanda, Sun et al. 2023, eq. 1).

    Linear and convolution layers only: what a filter tap meets is an unfolded column. Raises Unsupported without any.
    """
    squares: dict[str, torch.Tensor] = {}

    def hear(name: str, layer: Any, value: torch.Tensor) -> None:
        found = _column_squares(layer, value)
        squares[name] = squares[name] + found if name in squares else found

    listen(model, ctx, options.examples, hear)
    layers = dict(model.named_modules())
    return {
        f"{name}.weight": np.abs(array(layers[name].weight)) * np.sqrt(array(_by_weight(layers[name], found)))
        for name, found in squares.items()
    }


def listen(model: Any, ctx: bench.Context, examples: int, hear: Heard) -> None:
    """Run calibration examples in evaluation mode and call `hear(name, layer, input)` for each layer that they pass.

    Raises Unsupported for a module without linear and convolution layers.
    """
    found = [(name, each) for name, each in model.named_modules() if isinstance(each, LAYERS)]
    if not found:
        raise bench.Unsupported(
            "prune: the model has no torch.nn.Linear or convolution whose inputs could be looked at",
            cure="use method: magnitude",
        )
    with modes_kept(model), _hooked(found, hear), torch.no_grad():
        model.eval()
        device = next(model.parameters()).device
        inputs = {name: torch.from_numpy(each).to(device) for name, each in ctx.calibration(examples).items()}
        total = len(next(iter(inputs.values())))
        for start in range(0, total, BATCH):
            model(**{name: each[start : start + BATCH] for name, each in inputs.items()})


@contextmanager
def _hooked(layers: list[tuple[str, Any]], hear: Heard) -> Iterator[None]:
    def hook(name: str) -> Callable[..., None]:
        return lambda layer, inputs: hear(name, layer, inputs[0].detach().float())

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers]
    try:
        yield
    finally:
        for each in handles:
            each.remove()


def _column_squares(layer: Any, value: torch.Tensor) -> torch.Tensor:
    """Return the sum of squares that each column of the weight met: [in], or [channels * taps] for a convolution."""
    if isinstance(layer, torch.nn.Linear):
        return (value.reshape(-1, value.shape[-1]) ** 2).sum(0)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = functional.pad(value, layer._reversed_padding_repeated_twice, mode=mode)
    flat = value.dim() == 3  # one-dimensional: an image one pixel high
    kernel, stride, dilation = (
        (1, *each) if flat else each for each in (layer.kernel_size, layer.stride, layer.dilation)
    )
    columns = functional.unfold(padded.unsqueeze(2) if flat else padded, kernel, dilation, 0, stride)
    return (columns**2).sum((0, 2))


def _by_weight(layer: Any, columns: torch.Tensor) -> torch.Tensor:
    """Return the columns' values in a shape that multiplies the layer's weight."""
    if isinstance(layer, torch.nn.Linear):
        return columns[None]
    of_group = columns.reshape(layer.groups, 1, *layer.weight.shape[1:])
    return of_group.expand(-1, layer.out_channels // layer.groups, *layer.weight.shape[1:]).reshape(layer.weight.shape)
