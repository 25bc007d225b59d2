"""Quantisation-aware training: weights and activations are rounded on the way forward, gradients pass straight through.

Jacob et al. 2018; the straight-through estimator is Bengio, Leonard and Courville's (2013), as torch's fake_quantize
operators have it: the gradient is 1 inside the range and 0 outside.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils import parametrize

import bench
from bench_quantize.packed import weights_of

# How fast activation ranges follow: the share of the newest batch in a moving average.
MOMENTUM = 0.1
LAYERS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
SMALLEST = 2.0**-20
REDUCED = 64  # the largest integer of a reduced range


class FakeWeight(torch.nn.Module):
    """Rounds a weight to 2^bits - 1 integers around zero, a scale per row or one for all; zeros stay zeros.

    `reduced`: to -64 to 64, as onnxruntime stores weights of 8 bits whose range is reduced.
    """

    def __init__(self, weight: torch.Tensor, bits: int, per_channel: bool, *, reduced: bool = False) -> None:
        super().__init__()
        self.limit, self.per_channel = REDUCED if reduced else (1 << (bits - 1)) - 1, per_channel
        self.register_buffer("kept", weight.detach() != 0)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight's values on the grid."""
        weight = weight * self.kept
        peaks = weight.detach().abs()
        if not self.per_channel:
            scale = float(peaks.max().clamp(min=SMALLEST)) / self.limit
            return torch.fake_quantize_per_tensor_affine(weight, scale, 0, -self.limit, self.limit)
        scales = peaks.flatten(1).amax(1).clamp(min=SMALLEST) / self.limit
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -self.limit, self.limit)


class FakeInput:
    """A forward pre-hook that rounds a layer's input to 8 bits, by a moving average of its range."""

    def __init__(self, symmetric: bool) -> None:
        self.low: float | None = None
        self.high: float | None = None
        self.symmetric = symmetric

    def __call__(self, module: Any, args: tuple[Any, ...]) -> Any:
        """Return the layer's arguments, the first one rounded."""
        x = args[0]
        if module.training:
            self._watch(x.detach())
        if self.low is None or self.high is None:
            return args
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        if self.symmetric:
            scale, zero, limits = max(-low, high, SMALLEST) / 127, 0, (-128, 127)
        else:
            scale, limits = max(high - low, SMALLEST) / 255, (0, 255)
            zero = round(-low / scale)
        return (torch.fake_quantize_per_tensor_affine(x, scale, zero, *limits), *args[1:])

    def _watch(self, x: torch.Tensor) -> None:
        low, high = (float(each) for each in x.aminmax())
        self.low = low if self.low is None else self.low + MOMENTUM * (low - self.low)
        self.high = high if self.high is None else self.high + MOMENTUM * (high - self.high)


def train(
    model: Any,
    ctx: bench.Context,
    *,
    bits: int,
    per_channel: bool,
    symmetric: bool,
    epochs: float,
    learning_rate: float,
    reduced: bool = False,
) -> None:
    """Train `model` in place under fake quantisation; its weights end on the grid, as ordinary parameters."""
    weights = list(weights_of(model))
    if not weights:
        raise bench.Unsupported(
            "quantize: the model has no float weight of more than one axis to train",
            cure="put quantize before steps that pack weights",
        )
    for _, module, name in weights:
        fake = FakeWeight(getattr(module, name), bits, per_channel, reduced=reduced)
        parametrize.register_parametrization(module, name, fake)
    hooks = [
        each.register_forward_pre_hook(FakeInput(symmetric)) for each in model.modules() if isinstance(each, LAYERS)
    ]
    model.requires_grad_(True)
    ctx.note(fit=dict(ctx.fit(model, epochs=epochs, seed=ctx.seed, learning_rate=learning_rate)))
    for hook in hooks:
        hook.remove()
    for _, module, name in weights:
        parametrize.remove_parametrizations(module, name)
    model.eval().requires_grad_(False)
