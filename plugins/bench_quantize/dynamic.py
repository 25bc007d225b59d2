"""Dynamic int8 for torch: linear layers by torchao, embeddings by hand."""

from __future__ import annotations

from typing import Any

import torch
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, PerRow, PerTensor, quantize_
from torchao.quantization.quant_primitives import MappingType
from torchao.utils import unwrap_tensor_subclass

import bench
from bench_quantize.embedding import replace_embeddings


def convert_dynamic(model: Any, *, per_channel: bool, symmetric: bool) -> dict[str, Any]:
    """Quantise the linear layers and embeddings of `model` in place; return facts.

    Linear layers hold int8 weights and quantise their input at run time, one scale per row (token), or one per tensor
    without `per_channel`. Convolutions stay float: torch has no dynamic int8 kernel for them. Raises Unsupported
    without any linear layer.
    """
    linear = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
    total = sum(each.numel() for each in model.parameters())
    small = sum(
        each.weight.numel() for each in model.modules() if isinstance(each, torch.nn.Linear | torch.nn.Embedding)
    )
    if not linear:
        raise bench.Unsupported(
            "quantize: torch's dynamic int8 converts linear layers, and this model has none "
            "(a .pt2 file holds operators, not layers)",
            cure="use mode: static, the onnxruntime backend, or name the module itself: package.module:factory",
        )
    config = Int8DynamicActivationInt8WeightConfig(
        granularity=[PerRow(), PerRow()] if per_channel else [PerTensor(), PerTensor()],
        act_mapping_type=MappingType.SYMMETRIC if symmetric else MappingType.ASYMMETRIC,
        set_inductor_config=False,  # it would change torch's settings for the whole process
    )
    quantize_(model, config)
    unwrap_tensor_subclass(model)
    tables = replace_embeddings(model)
    facts = {"activations": "int8 at run time", "weights": "int8", "layers": len(linear) + tables}
    return {**facts, "share_of_weights": small / total}
