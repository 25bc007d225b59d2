"""Quantise an ONNX file: what each mode does, and what it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bench
from bench_quantize.options import REDUCIBLE, Options
from bench_quantize.quiet import quiet

QUANTISED = frozenset(
    {"ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
)
# What has int8 kernels and holds weights.
WEIGHTED = frozenset({"Attention", "Conv", "EmbedLayerNormalization", "Gemm", "LSTM", "MatMul"})


def quantized(model: bench.Artifact, ctx: bench.Context, options: Options) -> Path:
    """Write the quantised model into ctx.workdir and return its path.

    Inputs and outputs keep their names and types. Raises Unsupported for what onnxruntime cannot run or quantise,
    BenchError for contradictory options.
    """
    options.check()
    _require_kernels(options)
    _require_float_weights(model.path)
    path = ctx.workdir / f"{options.mode}.onnx"
    with quiet():
        facts = _write(model.path, path, ctx, options)
    ctx.note(**{"mode": options.mode, "bits": options.noted_bits, **_range_facts(options), **facts})
    ctx.log(f"{model.size_bytes} bytes became {path.stat().st_size}")
    return path


def _range_facts(options: Options) -> dict[str, Any]:
    """Return whether weights were kept to 7 bits, and who decided; nothing where no integers are multiplied."""
    if options.mode not in REDUCIBLE or options.bits < 8:
        return {}
    by = "the processor it was made on" if options.reduce_range is None else "option"
    return {"reduce_range": options.reduced, "reduce_range_by": by}


def _require_kernels(options: Options) -> None:
    if options.mode == "bf16":
        raise bench.Unsupported(
            "quantize: onnxruntime's CPU kernels do not run bfloat16",
            cure="use mode: fp16 or dynamic here, or mode: bf16 with the torch backend",
        )
    if options.mode == "dynamic" and options.symmetric:
        raise bench.Unsupported(
            "quantize: ONNX's DynamicQuantizeLinear is asymmetric", cure="leave symmetric out, or use mode: static"
        )
    if options.mode in ("static", "qat") and options.bits not in (4, 8):
        raise bench.Unsupported(
            f"quantize: ONNX's static form has weights of 8 or 4 bits, not {options.bits}",
            cure="use bits: 4, or mode: weight-only",
        )


def _write(source: Path, path: Path, ctx: bench.Context, options: Options) -> dict[str, Any]:
    """Write the model to `path` by its mode; return facts for the record."""
    if options.mode == "fp16":
        return _write_half(source, path)
    if options.mode in ("weight-only", "mixed"):
        from bench_quantize import onnx_weight_only

        if options.mode == "weight-only":
            return onnx_weight_only.write_weight_only(source, path, options)
        return onnx_weight_only.write_mixed(source, path, ctx, options)
    from bench_quantize import onnx_int8

    if options.mode == "dynamic":
        return onnx_int8.write_dynamic(source, path, per_channel=options.per_channel, reduced=options.reduced)
    return onnx_int8.write_static(
        source,
        path,
        ctx.calibration(options.calibrate),
        method=options.method,
        per_channel=options.per_channel,
        symmetric=bool(options.symmetric),
        bits=options.bits,
        trained=options.mode == "qat",
        reduced=options.reduced,
    )


def _require_float_weights(path: Path) -> None:
    import onnx

    graph = onnx.load(path).graph
    kinds = {node.op_type for node in graph.node}
    if kinds & QUANTISED:
        raise bench.Unsupported("quantize: the file is quantised already", cure="use one quantize step per recipe")
    if not kinds & WEIGHTED:
        raise bench.Unsupported(
            f"quantize: no node of the file has weights with int8 kernels ({', '.join(sorted(WEIGHTED))})",
            cure="leave quantize out of this task's recipes",
        )


def _write_half(source: Path, path: Path) -> dict[str, Any]:
    """Store and compute in float16; inputs and outputs stay float32. Values beyond float16's range are clamped."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), path)
    return {"activations": "float16", "weights": "float16"}
