"""Magnitude pruning of the weights stored in an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_prune.masks import magnitude_masks, sparsity_of, target_of
from bench_prune.options import Scope

# Operators with the places of their weights among their inputs; everything else holds constants, not weights.
WEIGHTS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gather": (0,),
    "Gemm": (0, 1),
    "GRU": (1, 2),
    "LSTM": (1, 2),
    "MatMul": (0, 1),
    "RNN": (1, 2),
}
QUANTISED = ("DequantizeLinear", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul")


def pruned_file(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    sparsity: float | None,
    threshold: float | None,
    scope: Scope,
    structured: str,
    finetune: float,
) -> Path:
    """Write a pruned copy of the file into ctx.workdir and return its path.

    Raises Unsupported for what an ONNX file cannot do (channels, fine-tuning) and for a quantised file.
    """
    import onnx

    sparsity, threshold = target_of(sparsity, threshold)
    _check(structured, finetune)
    proto = onnx.load(model.path)
    tensors = weight_tensors(proto)
    arrays = {name: onnx.numpy_helper.to_array(each) for name, each in tensors.items()}
    masks = magnitude_masks(arrays, sparsity=sparsity, threshold=threshold, scope=scope)
    for name, mask in masks.items():
        arrays[name] = np.where(mask, arrays[name], arrays[name].dtype.type(0))
        tensors[name].CopyFrom(onnx.numpy_helper.from_array(arrays[name], name))
    reached = sparsity_of(arrays)
    ctx.note(sparsity=reached, parameters=sum(each.size for each in arrays.values()))
    ctx.log(f"{reached:.2%} of the weights are zero")
    path = ctx.workdir / "pruned.onnx"
    onnx.save(proto, path)
    return path


def weight_tensors(proto: Any) -> dict[str, Any]:
    """Return the float weights of Conv, Gemm, MatMul, Gather and recurrent nodes, by name: more than one axis each.

    Raises Unsupported when there is none, naming quantisation as the cause where it is.
    """
    import onnx

    graph = proto.graph
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    stored = {each.name: each for each in graph.initializer if each.data_type in floats and len(each.dims) > 1}
    used = {
        node.input[place] for node in graph.node for place in WEIGHTS.get(node.op_type, ()) if place < len(node.input)
    }
    found = {name: each for name, each in stored.items() if name in used}
    quantised = any(node.op_type in QUANTISED for node in graph.node)
    if quantised or not found:
        raise bench.Unsupported(
            f"prune: the file holds {'quantised' if quantised else 'no float'} weights of Conv, Gemm, MatMul or Gather",
            cure="put prune before quantize in the recipe",
        )
    return found


def _check(structured: str, finetune: float) -> None:
    if structured != "none":
        raise bench.Unsupported(
            "prune: channels cannot be removed from an ONNX file",
            cure="use structured: none, or a task that offers a torch module",
        )
    if finetune:
        raise bench.Unsupported(
            "prune: an ONNX file cannot be trained", cure="use finetune: 0, or a task that offers a torch module"
        )
