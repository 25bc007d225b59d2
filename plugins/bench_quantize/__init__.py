"""Quantisation: fewer bits for weights and activations.

`import bench_quantize` is light: torch, torchao, onnx and onnxruntime are loaded when a recipe runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

Mode = Annotated[
    Literal["dynamic", "static", "fp16", "bf16"],
    "int8 with activation ranges found at run time, or by calibration; or half-precision floats",
]
Bits = Annotated[Literal[8], "bits of a quantised weight or activation"]
Calibrate = Annotated[int, bench.Bounds(ge=1), "calibration examples (static)"]
Method = Annotated[
    Literal["minmax", "entropy", "percentile"], "how activation ranges follow from the calibration examples (static)"
]
PerChannel = Annotated[bool, "one weight scale per output channel, not one per tensor"]
Symmetric = Annotated[
    bool | None,
    "activation ranges symmetric around zero, so that their zero point is 0; the runtime's usual when left out",
]


@bench.compressor("quantize", accepts="onnx", needs=("onnx", "onnxruntime"), extra="onnxruntime")
def quantize_onnx(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    mode: Mode = "dynamic",
    bits: Bits = 8,
    calibrate: Calibrate = 256,
    method: Method = "minmax",
    per_channel: PerChannel = True,
    symmetric: Symmetric = None,
) -> Path:
    """Quantise an ONNX file with onnxruntime's quantiser: int8 dynamic or static (QDQ), or fp16.

    Affine int8 is q = round(x / s) + z (Jacob et al. 2018). bf16 is unsupported: onnxruntime's CPU kernels lack it.
    """
    from bench_quantize import onnx_file

    return onnx_file.quantized(
        model,
        ctx,
        mode=mode,
        bits=bits,
        calibrate=calibrate,
        method=method,
        per_channel=per_channel,
        symmetric=symmetric,
    )


@bench.compressor("quantize", produces="torch-quantized", needs=("torch", "torchao"), extra="torch")
def quantize_torch(
    model: Any,
    ctx: bench.Context,
    *,
    mode: Mode = "dynamic",
    bits: Bits = 8,
    calibrate: Calibrate = 256,
    method: Method = "minmax",
    per_channel: PerChannel = True,
    symmetric: Symmetric = None,
) -> Path:
    """Quantise a torch module and export it as .pt2: int8 dynamic or static, or half-precision floats.

    Dynamic int8 converts linear layers (torchao) and embeddings; static int8 is PT2E with torchao's x86 quantiser.
    A process that loads the int8 files imports torchao first: it registers their operators.
    """
    from bench_quantize import module

    return module.quantized(
        model,
        ctx,
        mode=mode,
        bits=bits,
        calibrate=calibrate,
        method=method,
        per_channel=per_channel,
        symmetric=symmetric,
    )
