"""An IR as a graph: its weights as they are stored, and the products of one inference at batch 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino

import bench
from bench_openvino.reading import read_model

FLOATS = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}
WHOLE = {"i8": "int8", "u8": "uint8", "i4": "int4", "u4": "uint4", "u2": "uint2", "nf4": "nf4"}
KINDS = {**FLOATS, **WHOLE}
MOVING = frozenset(
    {
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Convert", "MaxPool", "Slice", "StridedSlice", "Split"),
        *("VariadicSplit", "Broadcast", "Gather", "ReduceMax", "Tile", "ShuffleChannels", "SpaceToDepth", "Identity"),
    }
)
# These multiply, and there is no formula for them here.
UNCOUNTED = frozenset(
    {
        *("LSTMSequence", "LSTMCell", "GRUSequence", "GRUCell", "RNNSequence", "RNNCell", "TensorIterator", "Loop"),
        *("If", "DeformableConvolution", "BinaryConvolution", "Einsum", "PagedAttention", "DFT", "RDFT", "IDFT"),
    }
)


class Uncountable(Exception):
    """Why the graph has no such number."""


@dataclass(frozen=True)
class Weight:
    """A constant that is a weight; quantised values are integers less their zero point."""

    values: np.ndarray[Any, Any]
    bits: int
    kind: str


@dataclass(frozen=True)
class Work:
    """The products of one operator: multiply-accumulates, bits of its operands, the share of weights not zero."""

    operator: str
    macs: int
    weight_bits: int
    activation_bits: int
    density: float


def opened(path: Path, digest: str) -> Any:
    """Return the model of an IR."""
    return read_model(openvino.Core(), bench.Artifact(path, "openvino", digest, 0))


def weights(model: Any) -> Iterator[Weight]:
    """Yield floats and quantised integers; shapes, indices, single numbers, scales, zero points and ranges are none.

    Raises Uncountable for a type that cannot be read.
    """
    for each in model.get_ordered_ops():
        if each.get_type_name() == "Constant" and _is_weight(each):
            yield _weight(each)


def products(model: Any) -> Iterator[Work]:
    """Yield the products at batch 1. Raises Uncountable for an operator without a formula, and for a free shape."""
    _fix_batch(model)
    for each in model.get_ordered_ops():
        kind = each.get_type_name()
        if kind in UNCOUNTED:
            raise Uncountable(f"no formula for {kind}")
        if kind in MACS:
            left, right = _source(each, 0), _source(each, 1)
            stored = _weight(right) if right.get_type_name() == "Constant" else None
            filled = np.count_nonzero(stored.values) / max(1, stored.values.size) if stored else 1.0
            macs = MACS[kind](each)
            yield Work(kind, macs, stored.bits if stored else _bits(right), _bits(left), float(filled))


def _is_weight(constant: Any) -> bool:
    kind = constant.get_element_type().get_type_name()
    if kind not in KINDS or math.prod(constant.get_output_shape(0)) <= 1:
        return False
    return not any(_is_parameter_of_rounding(each.get_node(), each.get_index()) for each in _readers(constant))


def _is_parameter_of_rounding(node: Any, port: int) -> bool:
    """Whether a node takes this input as a scale, a zero point or the range of a quantiser."""
    kind = node.get_type_name()
    if kind == "FakeQuantize":
        return port > 0
    if kind == "Convert":
        return any(_is_parameter_of_rounding(each.get_node(), each.get_index()) for each in _readers(node))
    return kind in ("Multiply", "Subtract") and port == 1 and _is_quantised(node.input_value(0).get_node())


def _is_quantised(node: Any) -> bool:
    """Whether a node is a constant of integers on its way to floats."""
    while node.get_type_name() in ("Convert", "Subtract"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in WHOLE


def _weight(constant: Any) -> Weight:
    kind = constant.get_element_type().get_type_name()
    try:
        values = np.asarray(constant.data)
    except (RuntimeError, TypeError, ValueError) as error:
        raise Uncountable(f"weights of {kind} cannot be read: {error}") from error
    bits = int(constant.get_element_type().bitwidth)
    if values.size != math.prod(constant.get_output_shape(0)):
        raise Uncountable(f"weights of {kind} cannot be read here: they are packed")
    return Weight(values - _zero(constant) if kind in WHOLE else values, bits, KINDS.get(kind, kind))


def _zero(constant: Any) -> Any:
    """Return the zero point of quantised weights, 0 where there is none."""
    for convert in (each.get_node() for each in _readers(constant)):
        for each in (reader.get_node() for reader in _readers(convert)):
            if each.get_type_name() == "Subtract":
                zero = each.input_value(1).get_node()
                zero = zero.input_value(0).get_node() if zero.get_type_name() == "Convert" else zero
                return np.asarray(zero.data).astype(np.int32) if zero.get_type_name() == "Constant" else 0
    return np.int32(0)


def _readers(node: Any) -> list[Any]:
    return [each for output in node.outputs() for each in output.get_target_inputs()]


def _source(node: Any, port: int) -> Any:
    """Return where an operand comes from: through what only moves it, and through the decoding of integers."""
    found = node.input_value(port).get_node()
    while True:
        kind = found.get_type_name()
        decodes = kind in ("Multiply", "Subtract") and found.input_value(1).get_node().get_type_name() in (
            "Constant",
            "Convert",
        )
        if kind not in MOVING and not (decodes and _decodes(found)):
            return found
        found = found.input_value(0).get_node()


def _decodes(node: Any) -> bool:
    """Whether a product or difference by a constant turns integers, or what a quantiser gave, into floats."""
    while node.get_type_name() in ("Multiply", "Subtract"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Convert" and node.input_value(0).get_element_type().get_type_name() in WHOLE


def _bits(node: Any) -> int:
    """Return the bits of an activation as a quantiser leaves it, else of its type."""
    if node.get_type_name() == "FakeQuantize":
        return max(1, math.ceil(math.log2(node.get_attributes()["levels"])))
    return int(node.get_output_element_type(0).bitwidth)


def _fix_batch(model: Any) -> None:
    fixed = {}
    for port in model.inputs:
        shape = list(port.get_partial_shape())
        sizes = [1 if index == 0 else each.get_length() if each.is_static else -1 for index, each in enumerate(shape)]
        if -1 in sizes:
            raise Uncountable(f"input '{port.get_any_name()}' has a free axis beside its batch")
        fixed[port] = openvino.PartialShape(sizes)
    try:
        model.reshape(fixed)
    except RuntimeError as error:
        raise Uncountable(f"it has no form for batch 1: {' '.join(str(error).split())[:120]}") from error


def _shape(port: Any) -> tuple[int, ...]:
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        raise Uncountable("the shapes of its products are not fixed at batch 1")
    return tuple(int(each) for each in shape.to_shape())


def _convolution(node: Any) -> int:
    return math.prod(_shape(node.output(0))) * math.prod(_shape(node.input_value(1))[1:])


def _grouped(node: Any) -> int:
    return math.prod(_shape(node.output(0))) * math.prod(_shape(node.input_value(1))[2:])


def _backwards(node: Any) -> int:
    return math.prod(_shape(node.input_value(0))) * math.prod(_shape(node.input_value(1))[1:])


def _backwards_grouped(node: Any) -> int:
    return math.prod(_shape(node.input_value(0))) * math.prod(_shape(node.input_value(1))[2:])


def _matmul(node: Any) -> int:
    left = _shape(node.input_value(0))
    across = left[-2] if node.get_attributes()["transpose_a"] and len(left) > 1 else left[-1]
    return math.prod(_shape(node.output(0))) * across


def _attention(node: Any) -> int:
    query, key, value = (_shape(node.input_value(port)) for port in range(3))
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


MACS = {
    "Convolution": _convolution,
    "GroupConvolution": _grouped,
    "ConvolutionBackpropData": _backwards,
    "GroupConvolutionBackpropData": _backwards_grouped,
    "MatMul": _matmul,
    "ScaledDotProductAttention": _attention,
}
