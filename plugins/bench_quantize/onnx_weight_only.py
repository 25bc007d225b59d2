"""Weights in few bits, computation in float, in an ONNX file: MatMulNBits where it fits, stored weights elsewhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

import bench
from bench_quantize import mixed
from bench_quantize.onnx_int8 import CHUNK, prepared
from bench_quantize.onnx_stored import Weight, count_floats, store, weights_of
from bench_quantize.options import BUDGET, Options
from bench_quantize.stored import encode_linear, facts_of

KERNEL_BITS = (4, 8)


def write_weight_only(source: Path, path: Path, options: Options) -> dict[str, Any]:
    """Write weights of few bits; return facts.

    Matrix products with groups of 16, 32, 64 ... weights become MatMulNBits, whose kernel decodes as it multiplies.
    Convolutions and tables are decoded when the file is opened, and run in float.
    """
    with prepared(source) as (ready, _):
        model = onnx.load(ready)
    total = count_floats(model.graph)
    products, kernels = 0, 0
    if options.bits in KERNEL_BITS and _is_block(options.group):
        before = _matmul_weights(model.graph)
        model = _matmul_nbits(model, options)
        left = _matmul_weights(model.graph)
        kernels = len(before) - len(left)
        products = sum(before.values()) - sum(left.values())
    shared: dict[str, Any] = {
        "group_size": options.group,
        "per_channel": options.per_channel,
        "symmetric": _symmetric(options),
    }
    stored = store(model.graph, lambda each: encode_linear(each.rows, bits=options.bits, **shared))
    _require(stored or kernels)
    path.write_bytes(model.SerializeToString(deterministic=True))
    facts = facts_of(stored, total)
    facts["share_of_weights"] += products / total
    facts["layers"] += kernels
    facts["stored_bits"] = facts["stored_bits"] or options.bits
    return {"activations": "float32", "weights": f"int{options.bits}", "matmul_nbits": kernels, **facts}


def write_mixed(source: Path, path: Path, ctx: bench.Context, options: Options) -> dict[str, Any]:
    """Write each weight in the bits that its sensitivity earns; return facts."""
    with prepared(source) as (ready, _):
        model = onnx.load(ready)
    weights = {each.name: each for each in weights_of(model.graph)}
    _require(weights)
    total = count_floats(model.graph)
    inputs = ctx.calibration(min(options.calibrate, mixed.EXAMPLES))
    chosen, facts = mixed.choose(
        {name: each.rows for name, each in weights.items()},
        _runner(model, weights, inputs),
        options.budget or BUDGET,
        per_channel=options.per_channel,
        symmetric=_symmetric(options),
    )
    stored = store(model.graph, lambda each: chosen[each.name])
    path.write_bytes(model.SerializeToString(deterministic=True))
    count = len(next(iter(inputs.values())))
    return {
        "activations": "float32",
        "weights": "int2 to int8",
        "calibrated": count,
        **facts,
        **facts_of(stored, total),
    }


def _runner(model: Any, weights: dict[str, Weight], inputs: bench.Arrays) -> Any:
    """Return a function that runs the model with some weights replaced: as inputs with defaults they can be."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, each.array.shape) for name, each in weights.items()
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        place = Path(folder) / "open.onnx"
        onnx.save(open_model, place)
        session = onnxruntime.InferenceSession(place, options, providers=["CPUExecutionProvider"])

    def run(replaced: Any) -> Any:
        feeds = {name: _unordered(weights[name], value) for name, value in replaced.items()}
        count = len(next(iter(inputs.values())))
        found = [
            session.run(None, {**{k: v[i : i + CHUNK] for k, v in inputs.items()}, **feeds})[0]
            for i in range(0, count, CHUNK)
        ]
        return np.concatenate(found)

    return run


def _unordered(weight: Weight, rows: Any) -> Any:
    return rows if weight.order is None else np.ascontiguousarray(rows.transpose(np.argsort(weight.order)))


def _matmul_nbits(model: Any, options: Options) -> Any:
    config = DefaultWeightOnlyQuantConfig(
        block_size=options.group,
        is_symmetric=_symmetric(options),
        bits=options.bits,
        op_types_to_quantize=("MatMul",),
    )
    quantizer = MatMulNBitsQuantizer(model, algo_config=config)
    quantizer.process()
    return quantizer.model.model


def _matmul_weights(graph: Any) -> dict[str, int]:
    tensors = {each.name: int(np.prod(each.dims)) for each in graph.initializer if each.data_type == TensorProto.FLOAT}
    return {
        node.input[1]: tensors[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in tensors
    }


def _is_block(group: int) -> bool:
    return group >= 16 and group & (group - 1) == 0


def _symmetric(options: Options) -> bool:
    return options.symmetric is not False


def _require(found: Any) -> None:
    if not found:
        raise bench.Unsupported(
            "quantize: no node of the file has float weights", cure="leave quantize out of this task's recipes"
        )
