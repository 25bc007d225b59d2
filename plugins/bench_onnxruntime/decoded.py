"""Weights that an ONNX file stores as a codebook and packed indices, decoded by nodes when it is opened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import onnx
import onnxruntime
from onnx import numpy_helper

ERRORS_ONLY = 3
LOOKUPS = frozenset({"Gather", "GatherElements", "GatherND"})
BYTES = (onnx.TensorProto.UINT8, onnx.TensorProto.INT8)


@dataclass(frozen=True)
class _Made:
    """What a constant value is made from; whether bytes are in it, and whether they were looked up in a table."""

    constants: frozenset[str]
    bytes: bool
    decoded: bool


class Decoded:
    """The decoded weights of a graph by name: where constants end and a node takes an activation too."""

    def __init__(self, model: Any, constants: Mapping[str, Any]) -> None:
        self._model, self._constants = model, constants
        self._nodes: list[Any] = []
        self._parts = {name: made.constants for name, made in self._ends()}

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    @property
    def constants(self) -> frozenset[str]:
        """Every constant that stands for a part of a weight: indices, codebooks, scales, shapes."""
        return frozenset().union(*self._parts.values())

    def stored_bits(self, name: str) -> float:
        """Return the bits a weight takes in the file: its packed indices over its elements."""
        return 8 * self.stored_bytes(name) / max(1, self.values[name].size)

    def stored_bytes(self, name: str) -> int:
        """Return the bytes of a weight's packed indices; a small table of bytes is no index."""
        sizes = [math.prod(self._constants[each].dims) for each in self._parts[name] if self._is_bytes(each)]
        return max(sizes, default=0)

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The weights as floats, by running the nodes that make them."""
        if not self._parts:
            return {}
        graph = onnx.helper.make_graph(
            self._nodes, "decoded", [], [onnx.ValueInfoProto(name=each) for each in self._parts]
        )
        graph.initializer.extend(self._constants[each] for each in sorted(self.constants))
        model = onnx.helper.make_model(graph, opset_imports=self._model.opset_import)
        model.ir_version = self._model.ir_version
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = ERRORS_ONLY, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return dict(zip(self._parts, session.run(list(self._parts), {}), strict=True))

    def _ends(self) -> Iterator[tuple[str, _Made]]:
        made = {name: _Made(frozenset([name]), self._is_bytes(name), False) for name in self._constants}
        found: dict[str, _Made] = {}
        nodes = self._model.graph.node
        for node in nodes:
            parts = [made[each] for each in node.input if each in made]
            if node.op_type != "Constant" and parts and len(parts) == sum(map(bool, node.input)):
                joined = _joined(node, parts, made)
                made |= dict.fromkeys(node.output, joined)
                if joined.decoded or joined.bytes:
                    self._nodes.append(node)
            else:
                found |= {each: made[each] for each in node.input if each in made and made[each].decoded}
        self._nodes = self._needed(found)
        yield from found.items()

    def _needed(self, found: Mapping[str, _Made]) -> list[Any]:
        """Return the nodes that make the decoded weights, in the file's order."""
        wanted, kept = set(found), []
        for node in reversed(self._model.graph.node):
            if wanted & set(node.output) and node.op_type != "Constant":
                wanted |= set(node.input)
                kept.append(node)
        return kept[::-1]

    def _is_bytes(self, name: str) -> bool:
        return name in self._constants and self._constants[name].data_type in BYTES


def _joined(node: Any, parts: Sequence[_Made], made: Mapping[str, _Made]) -> _Made:
    looked_up = node.op_type in LOOKUPS and made[node.input[1]].bytes
    return _Made(
        frozenset().union(*(each.constants for each in parts)),
        any(each.bytes for each in parts),
        looked_up or any(each.decoded for each in parts),
    )


def unpacked(node: Any, constants: Mapping[str, Any], attribute: Any) -> Any:
    """Return the weights of a MatMulNBits node, integers less their zero points: shape [N, K].

    Indices lie low bits first, in blocks along K; zero points likewise, 2^(bits-1) where they are left out.
    """
    import numpy as np

    bits, block = attribute(node, "bits", 4), attribute(node, "block_size", 32)
    rows, inner = attribute(node, "N", 0), attribute(node, "K", 0)
    blocks = -(-inner // block)
    values = _split(numpy_helper.to_array(constants[node.input[1]]).reshape(rows, -1), bits)[:, : blocks * block]
    zero = constants.get(node.input[3]) if len(node.input) > 3 else None
    if zero is None:
        return (values.astype(np.int16) - (1 << (bits - 1)))[:, :inner]
    offsets = numpy_helper.to_array(zero)
    if offsets.dtype == np.uint8:
        offsets = _split(offsets.reshape(rows, -1), bits)[:, :blocks]
    offsets = np.repeat(offsets.reshape(rows, blocks).astype(np.float32), block, axis=1)
    return (values.astype(np.float32) - offsets)[:, :inner]


def _split(packed: Any, bits: int) -> Any:
    import numpy as np

    parts = [(packed >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, axis=-1).reshape(len(packed), -1)
