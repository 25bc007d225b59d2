"""Low-rank factors of linear and convolution layers, by singular value decomposition."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import bench
from bench_prune.weights import modes_kept


@dataclass(frozen=True)
class Budget:
    """How many singular values a layer keeps: a number, a share of their energy, or a share of its parameters."""

    rank: int | None = None
    energy: float | None = None
    ratio: float | None = None

    def of(self, values: torch.Tensor, cost: int, size: int) -> int:
        """Return the rank, at least 1: `values` descending, `cost` parameters a rank, `size` those of the layer."""
        if self.rank is not None:
            return min(self.rank, len(values))
        if self.energy is not None:
            shares = (values.double() ** 2).cumsum(0) / (values.double() ** 2).sum().clamp(min=1e-300)
            return min(len(values), 1 + int((shares < self.energy - 1e-12).sum()))
        return max(1, min(len(values), int((0.5 if self.ratio is None else self.ratio) * size / cost)))


def factorised(
    model: Any, ctx: bench.Context, budget: Budget, *, conv: str, finetune: float, learning_rate: float | None
) -> Any:
    """Return a copy of `model` whose layers are two thinner ones each, wherever that has fewer parameters.

    Raises BenchError for two budgets, Unsupported for a model in which no layer gets smaller.
    """
    _check(budget)
    clone = copy.deepcopy(model)
    ranks: dict[str, int] = {}
    for name, layer in [*clone.named_modules()]:
        found = _pair(layer, budget, conv)
        if found is not None:
            pair, ranks[name] = found
            pair.train(layer.training)
            clone = _replaced(clone, name, pair)
    before, after = (sum(each.numel() for each in net.parameters()) for net in (model, clone))
    if not ranks:
        raise bench.Unsupported(
            "low-rank: no linear or convolution layer has fewer parameters as two factors at this rank",
            cure="ask for a lower rank, energy or ratio",
        )
    ctx.note(ranks=ranks, parameters=after, parameters_before=before)
    ctx.log(f"{len(ranks)} layers became pairs: {before} parameters became {after}")
    if finetune:
        with modes_kept(clone):
            facts = ctx.fit(clone, epochs=finetune, seed=ctx.seed, learning_rate=learning_rate)
        ctx.note(fit=dict(facts))
    return clone


def linear_pair(layer: Any, budget: Budget) -> tuple[nn.Sequential, int]:
    """Return two linear layers whose product is the best of their rank (Eckart and Young 1936), and the rank."""
    out, into = layer.weight.shape
    first, second, rank = _factors(layer.weight, budget, cost=out + into, size=out * into)
    pair = nn.Sequential(nn.Linear(into, rank, bias=False), nn.Linear(rank, out, bias=layer.bias is not None))
    return _filled(pair, first, second, layer), rank


def channel_pair(layer: Any, budget: Budget) -> tuple[nn.Sequential, int]:
    """Return a convolution to `rank` channels and a 1 x 1 that mixes them (Denton et al. 2014, Zhang et al. 2015)."""
    out, into, high, wide = layer.weight.shape
    matrix = layer.weight.reshape(out, -1)
    first, second, rank = _factors(matrix, budget, cost=out + matrix.shape[1], size=matrix.numel())
    spatial = nn.Conv2d(into, rank, (high, wide), layer.stride, layer.padding, layer.dilation, bias=False,
                        padding_mode=layer.padding_mode)  # fmt: skip
    pair = nn.Sequential(spatial, nn.Conv2d(rank, out, 1, bias=layer.bias is not None))
    return _filled(pair, first.reshape(rank, into, high, wide), second.reshape(out, rank, 1, 1), layer), rank


def spatial_pair(layer: Any, budget: Budget) -> tuple[nn.Sequential, int]:
    """Return a vertical and a horizontal convolution (Jaderberg et al. 2014, scheme 2)."""
    out, into, high, wide = layer.weight.shape
    matrix = layer.weight.permute(0, 3, 1, 2).reshape(out * wide, into * high)
    first, second, rank = _factors(matrix, budget, cost=out * wide + into * high, size=matrix.numel())
    (down, across), (up, left), (tall, broad) = layer.stride, layer.padding, layer.dilation
    vertical = nn.Conv2d(into, rank, (high, 1), (down, 1), (up, 0), (tall, 1), bias=False,
                         padding_mode=layer.padding_mode)  # fmt: skip
    horizontal = nn.Conv2d(rank, out, (1, wide), (1, across), (0, left), (1, broad), bias=layer.bias is not None,
                           padding_mode=layer.padding_mode)  # fmt: skip
    rows = second.reshape(out, wide, rank).permute(0, 2, 1).reshape(out, rank, 1, wide)
    return _filled(nn.Sequential(vertical, horizontal), first.reshape(rank, into, high, 1), rows, layer), rank


def _pair(layer: Any, budget: Budget, conv: str) -> tuple[nn.Sequential, int] | None:
    """Return what takes a layer's place and its rank; None for what is no such layer or would not get smaller."""
    make: Callable[[Any, Budget], tuple[nn.Sequential, int]]
    if type(layer) is nn.Linear:
        make = linear_pair
    elif type(layer) is nn.Conv2d and layer.groups == 1 and not isinstance(layer.padding, str) and conv != "none":
        make = spatial_pair if conv == "spatial" and min(layer.kernel_size) > 1 else channel_pair
    else:
        return None
    pair, rank = make(layer, budget)
    smaller = sum(each.numel() for each in pair.parameters()) < sum(each.numel() for each in layer.parameters())
    return (pair, rank) if smaller else None


def _factors(matrix: torch.Tensor, budget: Budget, *, cost: int, size: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return V and U of matrix = U V at the budget's rank, the singular values' roots in both."""
    left, values, right = torch.linalg.svd(matrix.detach().double(), full_matrices=False)
    rank = budget.of(values, cost, size)
    roots = values[:rank].sqrt()
    return roots[:, None] * right[:rank], left[:, :rank] * roots, rank


def _filled(pair: nn.Sequential, first: torch.Tensor, second: torch.Tensor, layer: Any) -> nn.Sequential:
    pair.to(device=layer.weight.device, dtype=layer.weight.dtype)
    with torch.no_grad():
        pair[0].weight.copy_(first)
        pair[1].weight.copy_(second)
        if layer.bias is not None:
            pair[1].bias.copy_(layer.bias)
    for each in pair.parameters():
        each.requires_grad_(layer.weight.requires_grad)
    return pair


def _replaced(model: Any, name: str, layer: nn.Module) -> Any:
    if not name:
        return layer
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
    return model


def _check(budget: Budget) -> None:
    given = [f"{name} {value:g}" for name, value in vars(budget).items() if value is not None]
    if len(given) > 1:
        raise bench.BenchError(f"low-rank: {' and '.join(given)} are different targets", cure="give one of them")
