"""Weights in few bits, computation in float: grouped linear quantisation, one width or several (torch)."""

from __future__ import annotations

from typing import Any

import torch

from bench_quantize import mixed, packed
from bench_quantize.export import Inputs
from bench_quantize.stored import encode_linear, facts_of

BATCH = 32


def convert_weight_only(
    model: Any, *, bits: int, group_size: int, per_channel: bool, symmetric: bool
) -> dict[str, Any]:
    """Store the weights of `model` in place in `bits`, a scale per `group_size` weights; return facts."""
    total = sum(each.numel() for each in model.parameters())
    options: dict[str, Any] = {"group_size": group_size, "per_channel": per_channel, "symmetric": symmetric}
    stored = packed.install(model, lambda _, array: encode_linear(array, bits=bits, **options))
    return {"activations": "float32", "weights": f"int{bits}", "group_size": group_size, **facts_of(stored, total)}


def convert_mixed(model: Any, inputs: Inputs, *, budget: float, per_channel: bool, symmetric: bool) -> dict[str, Any]:
    """Store the weights of `model` in place, each in the bits its sensitivity on `inputs` earns; return facts."""
    total = sum(each.numel() for each in model.parameters())
    parameters: dict[str, Any] = {}
    for name, module, attribute in packed.weights_of(model):
        if not any(each is getattr(module, attribute) for each in parameters.values()):
            parameters[name] = getattr(module, attribute)

    def run(replaced: Any) -> Any:
        kept = {name: parameters[name].data for name in replaced}
        for name, value in replaced.items():
            parameters[name].data = torch.from_numpy(value)
        try:
            return _outputs(model, inputs)
        finally:
            for name, value in kept.items():
                parameters[name].data = value

    arrays = {name: each.detach().float().numpy() for name, each in parameters.items()}
    chosen, facts = mixed.choose(arrays, run, budget, per_channel=per_channel, symmetric=symmetric)
    stored = packed.install(model, lambda name, _: chosen[name])
    count = len(next(iter(inputs.values())))
    return {
        "activations": "float32",
        "weights": "int2 to int8",
        "calibrated": count,
        **facts,
        **facts_of(stored, total),
    }


def _outputs(model: Any, inputs: Inputs) -> Any:
    count = len(next(iter(inputs.values())))
    batches = [
        model(**{name: each[first : first + BATCH] for name, each in inputs.items()})
        for first in range(0, count, BATCH)
    ]
    return torch.cat(batches).float().numpy()
