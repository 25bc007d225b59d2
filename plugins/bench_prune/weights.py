"""The weights of a torch module: which may be pruned, as numpy arrays, and masks put on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import bench
from bench_prune.masks import Array

Masks = Mapping[str, torch.Tensor]


def prunable(model: Any) -> dict[str, torch.Tensor]:
    """Return the parameters that may be pruned, by name: those of more than one axis (no biases, no norms)."""
    return {name: each for name, each in model.named_parameters() if each.dim() > 1}


def arrays(model: Any) -> dict[str, Array]:
    """Return what may be pruned as float32: it holds every half-precision value exactly, and numpy no bfloat16."""
    return {name: array(each) for name, each in prunable(model).items()}


def array(tensor: torch.Tensor) -> Array:
    """Return a tensor's values as float32 on the processor."""
    values: Array = tensor.detach().float().cpu().numpy()
    return values


def tensors(model: Any, masks: Mapping[str, Array]) -> Masks:
    """Return masks as tensors beside their weights."""
    weights = prunable(model)
    return {name: torch.from_numpy(np.ascontiguousarray(each)).to(weights[name].device) for name, each in masks.items()}


def apply_masks(model: Any, masks: Masks) -> None:
    """Set the weights outside the masks to zero, in place."""
    weights = prunable(model)
    with torch.no_grad():
        for name, mask in masks.items():
            weights[name].masked_fill_(~mask, 0)


def require_weights(model: Any) -> None:
    """Raise Unsupported for a module without a weight that may be pruned."""
    if not prunable(model):
        raise bench.Unsupported(
            "prune: the model has no weight of more than one axis",
            cure="a quantised module holds its weights packed: put prune before quantize in the recipe",
        )


@contextmanager
def modes_kept(model: Any) -> Iterator[None]:
    """Put each module's train or evaluation mode back afterwards."""
    modes = {each: each.training for each in model.modules()}
    try:
        yield
    finally:
        for each, training in modes.items():
            each.training = training
