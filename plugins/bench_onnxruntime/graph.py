"""An ONNX file as its counters see it: weights with their zero points, and which operators multiply."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from bench_onnxruntime.decoded import Decoded, unpacked


@dataclass(frozen=True)
class Product:
    """Where an operator keeps what it multiplies: positions of activation, weight and the weight's zero point."""

    activation: int = 0
    weight: int = 1
    zero_point: int | None = None
    axis: int = 0


# Integer forms carry scales and zero points between their operands (ONNX operators and onnxruntime's own).
PRODUCTS: Mapping[str, Product] = {
    "Conv": Product(),
    "ConvTranspose": Product(),
    "FusedConv": Product(),
    "ConvInteger": Product(zero_point=3),
    "QLinearConv": Product(weight=3, zero_point=5),
    "Gemm": Product(),
    "QGemm": Product(weight=3, zero_point=5, axis=-1),
    "MatMul": Product(),
    "FusedMatMul": Product(),
    "MatMulInteger": Product(zero_point=3, axis=-1),
    "MatMulIntegerToFloat": Product(zero_point=5, axis=-1),
    "DynamicQuantizeMatMul": Product(zero_point=3, axis=-1),
    "QLinearMatMul": Product(weight=3, zero_point=5, axis=-1),
    "MatMulNBits": Product(),
}
# These multiply too, in ways for which there is no formula here: a count that leaves them out would be a lie.
UNCOUNTED = frozenset(
    {
        *("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"),
        *("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"),
        *("Einsum", "DFT", "DeformConv", "MatMulBnb4"),
    }
)
# Operators that move, pick or scale values without mixing them: what comes out is stored in what went in.
TRANSPARENT = frozenset(
    {
        *("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast"),
        *("Slice", "Split", "Expand", "Gather", "DequantizeLinear", "QuantizeLinear"),
    }
)
# Scales and zero points: inputs of these operators at these positions are parameters of the format, not weights.
SCALES: Mapping[str, tuple[int, ...]] = {
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "ConvInteger": (2, 3),
    "MatMulInteger": (2, 3),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "DynamicQuantizeMatMul": (2, 3),
    "MatMulNBits": (2, 3, 4),
}
# Integer biases of quantised products; their zero point is 0.
BIASES: Mapping[str, tuple[int, ...]] = {"QLinearConv": (8,), "QGemm": (6,)}
# onnxruntime's quantiser names the scales so that it multiplies by after an integer product.
SCALE_SUFFIXES = ("_scale", "_zero_point", "_scale_mul")
FLOATS = frozenset(getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"))


class Graph:
    """A model read once: nodes of the main graph and of its branches, constants by name, who makes what."""

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(str(path))
        if self.model.functions:
            self.model = onnx.inliner.inline_local_functions(self.model)
        self.nodes = list(self.model.graph.node)
        self.inner_nodes = [node for graph in _branches(self.model.graph) for node in graph.node]
        self.constants = {each.name: each for each in _constants(self.model.graph)}
        self.maker = {output: node for node in self._all_nodes() for output in node.output}
        self.packed = {node.input[1]: node for node in self._all_nodes() if node.op_type == "MatMulNBits"}
        self.decoded = Decoded(self.model, self.constants)
        self._zeros = dict(self._zero_points())

    def weights(self) -> dict[str, Any]:
        """Return the constants that are weights: arrays of floats, and integers that stand for reals.

        Scales, zero points, shapes, indices and single numbers are not, except a single number in a product.
        """
        scales, operands = set(self.decoded.constants), set()
        for node in self._all_nodes():
            operands |= set(node.input) if node.op_type in PRODUCTS else set()
            scales |= {_input(node, position) for position in SCALES.get(node.op_type, ())}
        return {
            name: tensor
            for name, tensor in self.constants.items()
            if name not in scales
            and not name.endswith(SCALE_SUFFIXES)
            and (name in self._zeros or name in self.packed or _is_float_weight(tensor, operands))
        }

    def source(self, name: str) -> str:
        """Follow a value back through operators that only move, pick or rescale it."""
        while name not in self.constants and name in self.maker and self.maker[name].op_type in TRANSPARENT:
            name = self.maker[name].input[0]
        return name

    def values(self, name: str) -> Any:
        """Return a weight as numbers that are zero where it is: floats, or integers less their zero point."""
        if name in self.decoded:
            return self.decoded.values[name]
        if name in self.packed:
            return unpacked(self.packed[name], self.constants, attribute)
        values = numpy_helper.to_array(self.constants[name])
        zero, axis = self._zeros.get(name, ("", 0))
        if zero not in self.constants:
            return values if values.dtype.kind in "iu" or values.dtype == np.float16 else values.astype(np.float32)
        offsets = numpy_helper.to_array(self.constants[zero]).astype(np.int32)
        return values.astype(np.int32) - _along(offsets, values.shape, axis)

    def nonzero(self, name: str) -> int:
        """Return how many values of a weight are not zero; a quantised one is zero at its zero point."""
        return int(np.count_nonzero(self.values(name)))

    def _zero_points(self) -> Iterator[tuple[str, tuple[str, int]]]:
        """Yield quantised weights with the name of their zero point and the axis it runs along."""
        for node in self._all_nodes():
            product = PRODUCTS.get(node.op_type)
            if node.op_type == "DequantizeLinear":
                yield self.source(node.input[0]), (_input(node, 2), int(attribute(node, "axis", 1)))
            elif product is not None and product.zero_point is not None:
                yield self.source(_input(node, product.weight)), (_input(node, product.zero_point), product.axis)
                for position in BIASES.get(node.op_type, ()):
                    yield _input(node, position), ("", 0)

    def _all_nodes(self) -> Iterator[Any]:
        yield from self.nodes
        yield from self.inner_nodes


def attribute(node: Any, name: str, default: Any) -> Any:
    """Return a node's attribute, or the default when it is left out."""
    found = (each for each in node.attribute if each.name == name)
    return next((onnx.helper.get_attribute_value(each) for each in found), default)


def _branches(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        for each in node.attribute:
            for inner in (each.g, *each.graphs) if each.type in (each.GRAPH, each.GRAPHS) else ():
                yield inner
                yield from _branches(inner)


def _constants(graph: Any) -> Iterator[Any]:
    """Yield initialisers and the tensors of Constant nodes, under the names they are used by."""
    for each in (graph, *_branches(graph)):
        yield from each.initializer
        for node in each.node:
            value = attribute(node, "value", None) if node.op_type == "Constant" else None
            if value is not None:
                tensor = onnx.TensorProto()
                tensor.CopyFrom(value)
                tensor.name = node.output[0]
                yield tensor


def _is_float_weight(tensor: Any, operands: set[str]) -> bool:
    return tensor.data_type in FLOATS and (math.prod(tensor.dims) > 1 or tensor.name in operands)


def _input(node: Any, position: int) -> str:
    return str(node.input[position]) if position < len(node.input) else ""


def _along(zero: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Shape a zero point (one, one per slice along an axis, or one per block of it) to broadcast against the weight."""
    if zero.size == 1:
        return zero.reshape(())
    if zero.ndim == len(shape) > 1:
        block = -(-shape[axis] // zero.shape[axis])
        return np.repeat(zero, block, axis=axis).take(range(shape[axis]), axis=axis)
    sizes = [1] * len(shape)
    sizes[axis] = zero.size
    return zero.reshape(sizes)
