"""Counters of Keras files and SavedModels: the graph of one inference at batch 1, with its weights as constants."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_tensorflow.files import read_callee
from bench_tensorflow.runtime import tf, told

WEIGHTS = "weights of the graph; biases and normalisation's counted, its statistics, single numbers and integers not"
FLOATS = ("float16", "bfloat16", "float32", "float64")
PASSING = frozenset({"Identity", "Reshape", "Transpose", "StopGradient", "Cast"})
# These multiply, and there is no formula for them here.
UNCOUNTED = frozenset(
    {
        *("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase", "Einsum", "XlaEinsum", "CudnnRNN"),
        *("CudnnRNNV2", "CudnnRNNV3", "Conv3DBackpropInputV2", "SparseTensorDenseMatMul", "FFT", "RFFT", "FFT2D"),
        *("TensorListReserve", "PartitionedCall", "StatefulPartitionedCall"),
    }
)


@dataclass(frozen=True)
class Work:
    """The products of one operator: multiply-accumulates, bits of its operands, the share of weights not zero."""

    operator: str
    macs: int
    bits: int
    density: float


@dataclass(frozen=True)
class Analysis:
    """What a model holds and does for one inference at batch 1; `problem` says why work was not counted."""

    stored: bench.StoredWeights
    work: tuple[Work, ...]
    problem: str | None


class Uncountable(Exception):
    """Why the work of a graph has no number."""


def count_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Count the elements of the weights."""
    stored = analyse(artifact).stored
    return bench.Reading.counted(stored.count, "count", convention=WEIGHTS, by_dtype=dict(stored.by_dtype))


def count_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Count the weights whose value differs from zero."""
    return bench.Reading.counted(analyse(artifact).stored.nonzero, "count", convention=WEIGHTS)


def count_flops(artifact: bench.Artifact) -> bench.Reading:
    """Count 2 x MACs; the fact `effective` leaves out products with a zero weight."""
    found = analyse(artifact)
    if found.problem:
        return bench.Reading.missing("FLOP", found.problem)
    by_operator: Counter[str] = Counter()
    for each in found.work:
        by_operator[each.operator] += 2 * each.macs
    effective = round(sum(2 * each.macs * each.density for each in found.work))
    facts = {"convention": "2 x MACs", "batch": 1, "effective": effective, "by_operator": dict(by_operator)}
    return bench.Reading.counted(sum(by_operator.values()), "FLOP", **facts)


def count_bitops(artifact: bench.Artifact) -> bench.Reading:
    """Count MACs x weight bits x activation bits."""
    found = analyse(artifact)
    if found.problem:
        return bench.Reading.missing("count", found.problem)
    value = sum(each.macs * each.bits**2 for each in found.work)
    return bench.Reading.counted(value, "count", convention="MACs x weight bits x activation bits", batch=1)


def count_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Count the bytes on disk if each weight took the smallest of its encodings, and equal weights one."""
    return analyse(artifact).stored.reading(artifact.size_bytes)


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse a model; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.format, artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, kind: str, digest: str) -> Analysis:
    operations = _frozen(bench.Artifact(Path(path), kind, digest, 0))
    stored = bench.StoredWeights()
    for each in _weights(operations):
        values = _values(each)
        # The last axis is that of output channels here, the first one that of the encodings.
        stored.add(np.moveaxis(values, -1, 0), bits=8 * values.dtype.itemsize, dtype=each.outputs[0].dtype.name)
    try:
        return Analysis(stored, tuple(_products(operations)), None)
    except Uncountable as reason:
        return Analysis(stored, (), str(reason))


def _frozen(artifact: bench.Artifact) -> list[Any]:
    """Return the operations of the model at batch 1, variables made constants and calls written out."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    callee = read_callee(artifact)
    specs = {
        name: tf.TensorSpec([1, *each.shape[1:]], each.dtype, name=name.replace(":", "_"))
        for name, each in callee.specs.items()
    }
    try:
        function = tf.function(callee.function).get_concrete_function(**specs)
        return list(convert_variables_to_constants_v2(function).graph.get_operations())
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise bench.Unsupported(f"the model has no graph for batch 1: {told(error)}") from error


def _weights(operations: list[Any]) -> Iterator[Any]:
    """Yield the constants that are weights."""
    statistics = {
        id(_source(each.inputs[port])) for each in operations if "BatchNorm" in each.type for port in range(3, 5)
    }
    for each in operations:
        stored = each.type == "Const" and each.outputs[0].dtype.name in FLOATS and id(each) not in statistics
        if stored and math.prod(each.outputs[0].shape) > 1:
            yield each


def _products(operations: list[Any]) -> Iterator[Work]:
    """Yield the products of the graph. Raises Uncountable for operators without a formula and for free shapes."""
    for each in operations:
        if each.type in UNCOUNTED:
            raise Uncountable(f"no formula for {each.type}")
        if each.type in MACS:
            stored = _source(each.inputs[1])
            values = _values(stored) if stored.type == "Const" else None
            density = np.count_nonzero(values) / max(1, values.size) if values is not None else 1.0
            yield Work(each.type, MACS[each.type](each), 8 * each.outputs[0].dtype.size, float(density))


def _source(tensor: Any) -> Any:
    found = tensor.op
    while found.type in PASSING:
        found = found.inputs[0].op
    return found


def _values(constant: Any) -> Any:
    return tf.make_ndarray(constant.get_attr("value"))


def _size(tensor: Any) -> int:
    return math.prod(_shape(tensor))


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tensor.shape
    if not shape.is_fully_defined():
        raise Uncountable("the shapes of its products are not fixed at batch 1")
    return tuple(int(each) for each in shape)


def _convolution(each: Any) -> int:
    return _size(each.outputs[0]) * math.prod(_shape(each.inputs[1])[:-1])


def _depthwise(each: Any) -> int:
    return _size(each.outputs[0]) * math.prod(_shape(each.inputs[1])[:2])


def _backwards(each: Any) -> int:
    return _size(each.inputs[2]) * math.prod(_shape(each.inputs[1])[:3])


def _matmul(each: Any) -> int:
    across = -2 if each.get_attr("transpose_a" if each.type == "MatMul" else "adj_x") else -1
    return _size(each.outputs[0]) * _shape(each.inputs[0])[across]


MACS = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _backwards,
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matmul),
}
