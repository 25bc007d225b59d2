"""Stored weights inside an ONNX graph: packed indices as initialisers, decoded by nodes that the runtime folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import bench
from bench_quantize.onnx_int8 import prepared
from bench_quantize.packing import pack, unpacking
from bench_quantize.stored import Stored

# Where a node keeps its weight, by operator: the input's place, and the axis of its output channels.
WEIGHTS = {"Conv": (1, 0), "ConvTranspose": (1, 1), "Gather": (0, 0), "Gemm": (1, 1), "MatMul": (1, -1)}


@dataclass(frozen=True)
class Weight:
    """An initialiser that can be stored; `order` is the permutation that puts its output channels first, or None."""

    name: str
    array: Any
    order: tuple[int, ...] | None

    @property
    def rows(self) -> Any:
        """The array with its output channels first."""
        return self.array if self.order is None else np.ascontiguousarray(self.array.transpose(self.order))


def weights_of(graph: Any) -> Iterator[Weight]:
    """Yield the float weights of more than one axis that products and tables take, each once."""
    tensors = {each.name: each for each in graph.initializer if each.data_type == TensorProto.FLOAT}
    for node in graph.node:
        place, axis = WEIGHTS.get(node.op_type, (0, 0))
        name = node.input[place] if node.op_type in WEIGHTS and len(node.input) > place else ""
        if name not in tensors or len(tensors[name].dims) < 2:
            continue
        array = numpy_helper.to_array(tensors.pop(name))
        if node.op_type == "Gemm" and any(each.name == "transB" and each.i for each in node.attribute):
            axis = 0
        axis %= array.ndim
        yield Weight(name, array, (axis, *(i for i in range(array.ndim) if i != axis)) if axis else None)


def write_stored(source: Path, path: Path, encode: Callable[[Weight], Stored | None]) -> tuple[dict[str, Stored], int]:
    """Write the model with the weights stored as `encode` says (None: as they are); return them and the weights' count.

    Raises Unsupported when the file has no such weight.
    """
    with prepared(source) as (ready, _):
        model = onnx.load(ready)
    total = count_floats(model.graph)
    stored = store(model.graph, encode)
    if not stored:
        raise bench.Unsupported(
            f"no node of the file has float weights ({', '.join(sorted(WEIGHTS))})", cure="use one such step a recipe"
        )
    path.write_bytes(model.SerializeToString(deterministic=True))
    return stored, total


def count_floats(graph: Any) -> int:
    """Return how many numbers the float initialisers hold."""
    return sum(int(np.prod(each.dims)) for each in graph.initializer if each.data_type == TensorProto.FLOAT)


def store(graph: Any, encode: Callable[[Weight], Stored | None]) -> dict[str, Stored]:
    """Replace float weights of the graph in place by stored ones and nodes that decode them; return them by name."""
    writer = _Writer()
    stored: dict[str, Stored] = {}
    for weight in list(weights_of(graph)):
        found = encode(weight)
        if found is not None:
            writer.add(weight, found)
            stored[weight.name] = found
    kept = [each for each in graph.initializer if each.name not in stored]
    nodes = [*writer.nodes, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *writer.tensors.values()])
    graph.node.extend(nodes)
    return stored


class _Writer:
    """Collects initialisers and nodes; equal tables and shapes are written once."""

    def __init__(self) -> None:
        self.tensors: dict[Any, Any] = {}
        self.nodes: list[Any] = []

    def add(self, weight: Weight, stored: Stored) -> None:
        name, width = weight.name, stored.stored_bits
        packed = self._tensor(f"{name}.packed", pack(stored.indices, width))
        value = self._node("Cast", [packed], f"{name}.i32", to=TensorProto.INT32)
        if stored.scale is None:
            if width < 8:
                value = self._node("Gather", [self._shared(unpacking(width)), value], f"{name}.indices")
            value = self._node("Gather", [self._tensor(f"{name}.codebook", stored.table), value], f"{name}.levels")
        else:
            levels = np.pad(stored.table, (0, (1 << width) - len(stored.table))).astype(np.float32)
            table = levels[unpacking(width)] if width < 8 else levels[:, None]
            value = self._node("Gather", [self._shared(table), value], f"{name}.levels")
        for kind, other in (("Sub", stored.zero), ("Mul", stored.scale)):
            if other is not None:
                operand = self._tensor(f"{name}.{kind.lower()}", other[:, :, None])
                value = self._node(kind, [value, operand], f"{name}.{kind.lower()}.out")
        self._shape(weight, stored, value)

    def _shape(self, weight: Weight, stored: Stored, value: str) -> None:
        """Cut what pads blocks and bytes, and give the weight its own shape and axes."""
        name, (blocks, length) = weight.name, stored.indices.shape
        if length * stored.stored_bits % 8:
            value = self._reshape(value, (blocks, -1), f"{name}.padded")
            value = self._cut(value, length, 1, f"{name}.blocks")
        if stored.indices.size != stored.count:
            value = self._reshape(value, (-1,), f"{name}.flat")
            value = self._cut(value, stored.count, 0, f"{name}.cut")
        if weight.order is None:
            self._reshape(value, stored.shape, name)
        else:
            value = self._reshape(value, stored.shape, f"{name}.rows")
            self._node("Transpose", [value], name, perm=[int(each) for each in np.argsort(weight.order)])

    def _reshape(self, value: str, shape: tuple[int, ...], output: str) -> str:
        return self._node("Reshape", [value, self._shared(np.array(shape, np.int64))], output)

    def _cut(self, value: str, end: int, axis: int, output: str) -> str:
        start, stop, axes = (self._shared(np.array([each], np.int64)) for each in (0, end, axis))
        return self._node("Slice", [value, start, stop, axes], output)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}/{kind}", **attributes))
        return output

    def _tensor(self, name: str, array: Any) -> str:
        self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _shared(self, array: Any) -> str:
        key = (array.dtype.str, array.shape, array.tobytes())
        name = f"stored.shared{len(self.tensors)}"
        return str(self.tensors.setdefault(key, numpy_helper.from_array(np.ascontiguousarray(array), name)).name)
