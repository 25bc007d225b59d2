"""Small .tflite files made by hand with the runtime's own schema: one fully connected layer, in every dress."""

from pathlib import Path
from typing import Any

import numpy as np

SCALE, ZERO = 0.05, 3


def write_dense(path: Path, weights: Any, bias: Any, **dress: Any) -> Path:
    """Write y = x W' + b. `dress`: batch (None: free), integer (int8 ends), signature, operator, sparse."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(1024)
    builder.Finish(_model(schema, weights, bias, **dress).Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _model(
    schema: Any,
    weights: Any,
    bias: Any,
    *,
    batch: int | None = None,
    integer: bool = False,
    signature: bool = True,
    operator: str = "FULLY_CONNECTED",
    sparse: bool = False,
) -> Any:
    kind, scale = schema.TensorType, abs(weights).max() / 127
    whole = np.round(weights / scale).astype(np.int8)
    arrays = [None, whole, np.round(bias / (scale * SCALE)).astype(np.int32)] if integer else [None, weights, bias]
    end = kind.INT8 if integer else kind.FLOAT32
    grid = (SCALE, ZERO) if integer else None
    units, width = weights.shape
    tensors = [
        _tensor(schema, "x", (batch or 1, width), end, 0, grid, free=batch is None),
        _tensor(schema, "w", weights.shape, end, 1, (scale, 0) if integer else None),
        _tensor(
            schema, "b", bias.shape, kind.INT32 if integer else kind.FLOAT32, 2, (scale * SCALE, 0) if integer else None
        ),
        _tensor(schema, "y", (batch or 1, units), end, 0, grid, free=batch is None),
    ]
    if sparse:
        tensors[1].sparsity = _sparsity(schema, weights.shape)
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = tensors, [0], [3]
    graph.operators = [_operator(schema, operator)]
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 4 if integer else 1
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [_buffer(schema, each) for each in arrays]
    model.signatureDefs = [_signature(schema)] if signature else []
    return model


def _tensor(schema: Any, name: str, shape: Any, kind: int, buffer: int, grid: Any, *, free: bool = False) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer, tensor.hasRank = name, list(shape), kind, buffer, True
    if free:
        tensor.shapeSignature = [-1, *shape[1:]]
    if grid:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [grid[0]], [grid[1]]
    return tensor


def _operator(schema: Any, name: str) -> Any:
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    if name == "FULLY_CONNECTED":
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
    return operator


def _buffer(schema: Any, array: Any) -> Any:
    buffer = schema.BufferT()
    buffer.data = None if array is None else np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    return buffer


def _signature(schema: Any) -> Any:
    found = schema.SignatureDefT()
    found.signatureKey = "serving_default"
    found.inputs, found.outputs = [_named(schema, "x", 0)], [_named(schema, "output", 3)]
    return found


def _named(schema: Any, name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def _sparsity(schema: Any, shape: Any) -> Any:
    """Return a broken sparse encoding, as EXPERIMENTAL_SPARSITY leaves for operators without such kernels."""
    found = schema.SparsityParametersT()
    found.traversalOrder, found.blockMap = [0, 1], []
    found.dimMetadata = []
    for size in shape:
        dimension = schema.DimensionMetadataT()
        dimension.format, dimension.denseSize = schema.DimensionType.DENSE, size
        found.dimMetadata.append(dimension)
    return found
