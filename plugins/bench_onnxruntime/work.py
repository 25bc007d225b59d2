"""Counting the multiply-accumulates of an ONNX graph from the shapes its products really have at batch 1.

Shapes and types are read by running the file once on zeros, with the operands of every product as extra outputs: shape
inference knows neither the runtime's own operators nor shapes that are computed on the way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime

from bench_onnxruntime.graph import PRODUCTS, TRANSPARENT, UNCOUNTED, Graph, attribute

ERRORS_ONLY = 3
FLOAT_BITS = 32
NARROW: Mapping[int, int] = {
    **dict.fromkeys((onnx.TensorProto.INT4, onnx.TensorProto.UINT4), 4),
    **dict.fromkeys((onnx.TensorProto.INT8, onnx.TensorProto.UINT8), 8),
    **dict.fromkeys((onnx.TensorProto.INT16, onnx.TensorProto.UINT16), 16),
    **dict.fromkeys((onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16), 16),
}


@dataclass(frozen=True)
class Work:
    """The products of one operator: multiply-accumulates, bits of its operands, share of weights that are not zero."""

    operator: str
    macs: int
    weight_bits: int
    activation_bits: int
    density: float


@dataclass(frozen=True)
class Operand:
    """Shape of an array that a product takes or gives, and the bits of its elements."""

    shape: tuple[int, ...]
    bits: int


class Uncountable(Exception):
    """Why the work of a graph has no number."""


def measure_work(graph: Graph) -> tuple[Work, ...]:
    """Return the products of every operator at batch 1. Raises Uncountable with the reason."""
    unknown = {each.op_type for each in graph.nodes if each.op_type in UNCOUNTED}
    unknown |= {each.op_type for each in graph.inner_nodes if each.op_type in UNCOUNTED | set(PRODUCTS)}
    if unknown:
        raise Uncountable(f"no formula for {', '.join(sorted(unknown))} (or it stands inside a branch or a loop)")
    products = [each for each in graph.nodes if each.op_type in PRODUCTS]
    operands = _operands(graph, products)
    return tuple(_work(graph, each, operands) for each in products)


def _work(graph: Graph, node: Any, operands: Mapping[str, Operand]) -> Work:
    activation, weight, output = _names(node)
    bits = 8 if node.op_type == "DynamicQuantizeMatMul" else _bits(graph, activation, operands)
    return Work(
        node.op_type,
        _macs(node, operands[activation].shape, operands[weight].shape, operands[output].shape),
        _weight_bits(graph, node, weight, operands),
        bits,
        density(graph, weight),
    )


def _weight_bits(graph: Graph, node: Any, weight: str, operands: Mapping[str, Operand]) -> int:
    if node.op_type == "MatMulNBits":
        return packed_bits(node)
    if weight in graph.decoded:
        return max(1, math.floor(graph.decoded.stored_bits(weight)))
    return _bits(graph, weight, operands)


def _macs(node: Any, activation: Sequence[int], weight: Sequence[int], output: Sequence[int]) -> int:
    """Convolution: every output takes a kernel of products; transposed: every input gives one; else inner length."""
    if node.op_type == "ConvTranspose":
        return math.prod(activation) * math.prod(weight[1:])
    if "Conv" in node.op_type:
        return math.prod(output) * math.prod(weight[1:])
    if node.op_type == "MatMulNBits":
        return math.prod(output) * int(attribute(node, "K", 0))
    inner = activation[-2] if attribute(node, "transA", 0) else activation[-1]
    return math.prod(output) * inner


def packed_bits(node: Any) -> int:
    """Return the bits of a weight of a MatMulNBits node."""
    return int(attribute(node, "bits", 4))


def density(graph: Graph, weight: str) -> float:
    """Return the share of a product's weights that are not zero; 1 for activations."""
    source = weight if weight in graph.decoded else graph.source(weight)
    if source in graph.decoded or source in graph.packed:
        return graph.nonzero(source) / max(1, graph.values(source).size)
    if source not in graph.constants:
        return 1.0
    return graph.nonzero(source) / max(1, math.prod(graph.constants[source].dims))


def _names(node: Any) -> tuple[str, str, str]:
    product = PRODUCTS[node.op_type]
    return node.input[product.activation], node.input[product.weight], node.output[0]


def _operands(graph: Graph, products: Sequence[Any]) -> dict[str, Operand]:
    """Return what the products take and give, by running the graph once on zeros."""
    wanted = {name for node in products for name in _names(node)}
    known = {name: _constant(graph.constants[name]) for name in wanted if name in graph.constants}
    feed = {each.name: _zeros(each) for each in graph.model.graph.input if each.name not in graph.constants}
    known |= {name: _array(value) for name, value in feed.items()}
    missing = sorted(wanted - set(known))
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
    values = _run(model, missing, feed) if missing else []
    return known | {name: _array(value) for name, value in zip(missing, values, strict=True)}


def _run(model: Any, outputs: list[str], feed: Mapping[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = ERRORS_ONLY, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(outputs, dict(feed)))


def _constant(tensor: Any) -> Operand:
    return Operand(tuple(tensor.dims), NARROW.get(tensor.data_type, FLOAT_BITS))


def _array(value: Any) -> Operand:
    array = np.asarray(value)
    return Operand(array.shape, min(FLOAT_BITS, 8 * array.dtype.itemsize))


def _zeros(value: Any) -> np.ndarray[Any, Any]:
    tensor = value.type.tensor_type
    sizes = [each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim]
    if None in sizes[1:]:
        raise Uncountable(
            f"input '{value.name}' has a dynamic axis besides the batch, so there is no one size to count at"
        )
    shape = [1 if size is None else size for size in sizes]
    return np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))


def _bits(graph: Graph, name: str, operands: Mapping[str, Operand]) -> int:
    """Return the bits an operand is stored in; a float that is dequantised counts as the integers it came from."""
    bits = operands[name].bits
    while name not in graph.constants and name in graph.maker:
        maker = graph.maker[name]
        if maker.op_type in ("QuantizeLinear", "DynamicQuantizeLinear"):
            return min(bits, _bits_of_zero_point(graph, maker))
        if maker.op_type not in TRANSPARENT:
            return bits
        name = maker.input[0]
    return min(bits, _constant(graph.constants[name]).bits) if name in graph.constants else bits


def _bits_of_zero_point(graph: Graph, quantize: Any) -> int:
    zero = graph.constants.get(quantize.input[2]) if len(quantize.input) > 2 else None
    return 8 if zero is None else NARROW.get(zero.data_type, 8)
