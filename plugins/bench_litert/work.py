"""The multiply-accumulates of a .tflite graph, from the shapes that its products really have at batch 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_litert.graph import BITS, CUSTOM, FLOAT_BITS, Graph, Node
from bench_litert.reading import open_file

PRODUCTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV", "CONV_3D"})
# These multiply, and there is no formula for them here.
UNCOUNTED = frozenset(
    {
        *("CONV_3D_TRANSPOSE", "LSTM", "RNN", "SVDF", "LSH_PROJECTION", "UNIDIRECTIONAL_SEQUENCE_LSTM", "RFFT2D"),
        *("BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN"),
        *("STABLEHLO_CONVOLUTION", "STABLEHLO_DOT_GENERAL"),
    }
)
MOVING = frozenset({"DEQUANTIZE", "RESHAPE", "TRANSPOSE", "QUANTIZE", "CAST"})


@dataclass(frozen=True)
class Work:
    """The products of one operator: multiply-accumulates, stored bits of its operands, share of weights not zero.

    `computed` is the type that they run in, `weights` that of weights that the operator takes narrower.
    """

    operator: str
    macs: int
    weight_bits: int
    activation_bits: int
    density: float
    computed: str
    weights: str | None


class Uncountable(Exception):
    """Why the work of a graph has no number."""


def measure_work(graph: Graph, path: Path) -> tuple[Work, ...]:
    """Return the products of every operator at batch 1. Raises Uncountable with the reason."""
    names = {each.name for each in graph.nodes}
    unknown = {each for each in names if each in UNCOUNTED | graph.calls or each.startswith(CUSTOM)}
    if unknown:
        raise Uncountable(f"no formula for {', '.join(sorted(unknown))}")
    products = [each for each in graph.nodes if each.name in PRODUCTS]
    shapes, batch = _shapes(path) if products else ({}, 1)
    makers = {output: each for each in graph.nodes for output in each.outputs}
    return tuple(work_of(graph, each, _macs(each, shapes) // batch, makers) for each in products)


def work_of(graph: Graph, node: Node, macs: int, makers: Mapping[int, Node]) -> Work:
    """Return a product's work: what its operands are stored in, and what it computes in.

    Floats by integer weights run in integers: the kernels quantise the activation as they go (hybrid ones).
    """
    left, right = _operands(node)
    weight, activation = _source(graph, right, makers), graph.tensors[_source(graph, left, makers)]
    stored, given = graph.tensors[weight], graph.tensors[right].kind
    taken = graph.tensors[left].kind
    hybrid = taken == "float32" and given.startswith(("int", "uint"))
    computed = "int8" if hybrid or taken == "uint8" else taken
    taken_bits = graph.tensors[right].bits  # a weight behind DEQUANTIZE arrives as floats, decoded when the file opens
    density = 1.0
    if graph.is_constant(weight):
        values = graph.values(weight)
        density = np.count_nonzero(values) / max(1, values.size)
    return Work(
        node.name,
        macs,
        stored.bits,
        8 if hybrid else min(activation.bits, graph.tensors[left].bits),
        density,
        computed,
        given.replace("uint", "int") if taken_bits < BITS.get(computed, FLOAT_BITS) else None,
    )


def _operands(node: Node) -> tuple[int, int]:
    """Return activation and weight; a transposed convolution is given its output's shape first."""
    if node.name == "TRANSPOSE_CONV":
        return node.inputs[2], node.inputs[1]
    return node.inputs[0], node.inputs[1]


def _source(graph: Graph, index: int, makers: Mapping[int, Node]) -> int:
    """Follow a tensor back through operators that only move or rescale it."""
    while not graph.is_constant(index) and index in makers and makers[index].name in MOVING:
        index = makers[index].inputs[0]
    return index


def _macs(node: Node, shapes: Mapping[int, Sequence[int]]) -> int:
    """Convolution: every output takes a kernel of products; transposed: every input gives one; else inner length."""
    left, right = (shapes[each] for each in _operands(node))
    output = shapes[node.outputs[0]]
    if node.name == "TRANSPOSE_CONV":
        return math.prod(left) * math.prod(right[:-1])
    if node.name == "DEPTHWISE_CONV_2D":
        return math.prod(output) * math.prod(right[1:3])
    if node.name == "CONV_2D":
        return math.prod(output) * math.prod(right[1:])
    if node.name == "CONV_3D":
        return math.prod(output) * math.prod(right[:-1])
    if node.name == "FULLY_CONNECTED":
        return math.prod(output) * right[-1]
    return math.prod(output) * (math.prod(left[-2:]) // max(1, output[-2]))


def _shapes(path: Path) -> tuple[dict[int, tuple[int, ...]], int]:
    """Return every tensor's shape at batch 1, or at the batch that the file fixes: by running it once on ones.

    Ones are words of any vocabulary, and a mask of zeros would divide by their sum.
    """
    interpreter = open_file(path, threads=1, kernels="builtin")
    batch = 1
    for each in interpreter.get_input_details():
        sizes = [int(size) for size in each["shape_signature"]]
        if any(size < 0 for size in sizes[1:]):
            raise Uncountable(
                f"input '{each['name']}' has a free axis besides the batch: there is no one size to count at"
            )
        if sizes and sizes[0] < 0:
            interpreter.resize_tensor_input(each["index"], [1, *sizes[1:]])
        elif sizes:
            batch = sizes[0]
    try:
        interpreter.allocate_tensors()
        for each in interpreter.get_input_details():
            interpreter.set_tensor(each["index"], np.ones(each["shape"], each["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise Uncountable(f"the file does not run: {' '.join(str(error).split())[:200]}") from error
    found: dict[int, Any] = {each["index"]: each["shape"] for each in interpreter.get_tensor_details()}
    return {index: tuple(int(size) for size in shape) for index, shape in found.items()}, batch


def executed(work: Sequence[Work]) -> dict[str, Any]:
    """Return what a record says was executed; shares are of multiply-accumulates, since there is no profile of time."""
    total = sum(each.macs for each in work)
    rows: dict[tuple[str, str, str | None], int] = {}
    products: dict[str, int] = {}
    for each in work:
        key = (each.operator, each.computed, each.weights)
        rows[key] = rows.get(key, 0) + each.macs
        name = f"{each.computed} on {each.weights} weights" if each.weights else each.computed
        products[name] = products.get(name, 0) + each.macs
    if not total:
        raise bench.BenchError("the file has no products")
    return {
        "method": "types of the file's operators; shares of multiply-accumulates, not of time",
        "products": {name: round(macs / total, 4) for name, macs in sorted(products.items())},
        "operators": [
            {
                "name": name,
                "kind": "product",
                "dtype": dtype,
                **({"weights": weights} if weights else {}),
                "share_of_macs": round(macs / total, 4),
            }
            for (name, dtype, weights), macs in sorted(rows.items(), key=lambda item: -item[1])
        ],
    }
