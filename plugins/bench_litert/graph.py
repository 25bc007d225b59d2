"""What a .tflite file holds, read from its flatbuffer: tensors with their constants, and operators.

Only the main graph is looked into; operators that call another one are named in `calls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

FLOAT_BITS = 32
BITS = {"float16": 16, "bfloat16": 16, "int16": 16, "int8": 8, "uint8": 8, "int4": 4, "uint4": 4, "int2": 2}
NUMPY: dict[str, Any] = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "int8": np.int8,
    "uint8": np.uint8,
}
NUMPY |= {"int16": np.int16, "int32": np.int32, "int64": np.int64, "bool": np.bool_}
CALLING = frozenset({"WHILE", "IF", "CALL", "CALL_ONCE", "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE"})
CUSTOM = "CUSTOM"


@dataclass(frozen=True)
class TensorInfo:
    """A tensor: type as numpy calls it ("int4" where numpy has none), shape as stored, scale and zero point if any."""

    index: int
    name: str
    kind: str
    shape: tuple[int, ...]
    buffer: int
    scales: Any
    zeros: Any
    axis: int
    sparse: bool

    @property
    def bits(self) -> int:
        """Bits of an element as it is stored."""
        return BITS.get(self.kind, FLOAT_BITS)

    @property
    def quantised(self) -> bool:
        """Whether its integers stand for reals."""
        return len(self.scales) > 0


@dataclass(frozen=True)
class Node:
    """An operator of the main graph, with tensor indices; -1 stands for an input left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Graph:
    """The main graph of a file."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model: Any = schema.Model.GetRootAs(path.read_bytes(), 0)
        self._main: Any = self._model.Subgraphs(0)

    @cached_property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """Every tensor of the graph, by index."""
        kinds = _names(self._schema.TensorType)
        return tuple(self._tensor(index, kinds) for index in range(self._main.TensorsLength()))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every operator, in the order in which they run."""
        known, found = _names(self._schema.BuiltinOperator), []
        for index in range(self._main.OperatorsLength()):
            each = self._main.Operators(index)
            code = self._model.OperatorCodes(each.OpcodeIndex())
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            custom = (code.CustomCode() or b"").decode(errors="replace")
            name = f"{CUSTOM}:{custom[:60]}" if known.get(number) == CUSTOM else known.get(number, str(number))
            inputs = tuple(int(each.Inputs(at)) for at in range(each.InputsLength()))
            found.append(Node(name, inputs, tuple(int(each.Outputs(at)) for at in range(each.OutputsLength()))))
        return tuple(found)

    @cached_property
    def calls(self) -> frozenset[str]:
        """Operators that run another graph, in which more may be."""
        return frozenset(each.name for each in self.nodes if each.name in CALLING)

    def is_constant(self, index: int) -> bool:
        """Whether the file holds the tensor's values."""
        return index >= 0 and self._bytes(index) is not None

    def values(self, index: int) -> np.ndarray[Any, Any]:
        """Return a constant as numbers that are zero where it is: floats, or integers less their zero point."""
        tensor, data = self.tensors[index], self._bytes(index)
        assert data is not None
        array = _unpacked(data, tensor)
        if tensor.quantised and array.dtype.kind in "iu":
            return array.astype(np.int32) - _along(tensor.zeros, array.ndim, tensor.axis)
        return array

    def _bytes(self, index: int) -> Any:
        """Return what a tensor's buffer holds; large files keep it behind the flatbuffer."""
        buffer = self._model.Buffers(self.tensors[index].buffer)
        if buffer.DataLength():
            return buffer.DataAsNumpy()
        if buffer.Offset() > 1 and buffer.Size():
            return np.frombuffer(self._model._tab.Bytes, np.uint8, buffer.Size(), buffer.Offset())
        return None

    def _tensor(self, index: int, kinds: dict[int, str]) -> TensorInfo:
        each = self._main.Tensors(index)
        found = each.Quantization()
        scales: Any = found.ScaleAsNumpy() if found is not None and found.ScaleLength() else ()
        zeros: Any = (
            found.ZeroPointAsNumpy() if found is not None and found.ZeroPointLength() else np.zeros(1, np.int64)
        )
        return TensorInfo(
            index,
            (each.Name() or b"").decode(errors="replace"),
            kinds.get(each.Type(), str(each.Type())).lower(),
            tuple(int(each.Shape(at)) for at in range(each.ShapeLength())),
            each.Buffer(),
            scales,
            zeros,
            found.QuantizedDimension() if found is not None else 0,
            each.Sparsity() is not None,
        )


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if name.isupper() and isinstance(value, int)}


def _unpacked(data: Any, tensor: TensorInfo) -> np.ndarray[Any, Any]:
    """Return a buffer as an array; elements of fewer than 8 bits lie low bits first."""
    if tensor.kind in NUMPY:
        return np.frombuffer(data, NUMPY[tensor.kind]).reshape(tensor.shape)
    if tensor.kind not in ("int4", "uint4", "int2"):
        raise ValueError(f"constants of type {tensor.kind} cannot be read")
    bits = tensor.bits
    packed = np.frombuffer(data, np.uint8)
    parts = np.stack([(packed >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)], axis=-1).reshape(-1)
    count = int(np.prod(tensor.shape, dtype=np.int64))
    whole = parts[:count].astype(np.int8)
    signed = whole if tensor.kind.startswith("u") else np.where(whole >= 1 << (bits - 1), whole - (1 << bits), whole)
    return signed.reshape(tensor.shape)


def _along(zeros: Any, dimensions: int, axis: int) -> Any:
    if len(zeros) == 1:
        return np.int32(zeros[0])
    return np.asarray(zeros, np.int32).reshape([-1 if at == axis else 1 for at in range(dimensions)])
