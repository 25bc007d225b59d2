"""Quantisation: fewer bits for weights and activations, on a line of even steps or by a codebook.

`import bench_quantize` is light: torch, torchao, onnx and onnxruntime are loaded when a recipe runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import bench

Mode = Annotated[
    Literal["dynamic", "static", "fp16", "bf16", "weight-only", "mixed", "qat"],
    "int8 with activation ranges found at run time, or by calibration; half-precision floats; weights alone, in one "
    "width or in one per layer; or int8 after training for it",
]
Bits = Annotated[
    int, bench.Bounds(ge=2, le=8), "bits of a weight (weight-only, static, qat); activations have 8, or are floats"
]
Calibrate = Annotated[int, bench.Bounds(ge=1), "calibration examples (static, qat, mixed)"]
Method = Annotated[
    Literal["minmax", "entropy", "percentile"],
    "how activation ranges follow from the calibration examples (static, qat)",
]
PerChannel = Annotated[bool, "one weight scale per output channel, not one per tensor"]
Symmetric = Annotated[
    bool | None,
    "ranges symmetric around zero, so that the zero point is 0: of activations, in the weight-only modes of weights; "
    "the runtime's usual when left out",
]
ReduceRange = Annotated[
    bool | None,
    "keep int8 weights to 7 bits (dynamic, static, qat), which an x86 processor without VNNI needs; left out: where "
    "the processor that quantises lacks it",
]
GroupSize = Annotated[
    int | None,
    bench.Bounds(ge=0),
    "weights of a row that share a scale (weight-only); 32 when left out, 0: the whole output channel",
]
Budget = Annotated[
    float | None, bench.Bounds(ge=2, le=8), "mean bits of a weight that layers share out (mixed); 4 when left out"
]
Toolkit = Annotated[Literal["onnxruntime"], "whose quantiser, where a runtime has one of its own"]
Epochs = Annotated[float, bench.Bounds(ge=0), "passes over the training split under fake quantisation (qat)"]
Rate = Annotated[float | None, bench.Bounds(gt=0), "peak rate of training; 0.0005 when left out"]
Codebook = Annotated[
    Literal["kmeans", "pot", "apot", "nf4"],
    "where levels lie: at cluster centres, at powers of two, at sums of them, at quantiles of a normal distribution",
]
IndexBits = Annotated[int, bench.Bounds(ge=2, le=8), "bits of an index; 3 are stored in 4, and 5 to 7 in 8"]
# From a module to an ONNX file at once: chosen only where a step trains, which a file cannot.
TRAINED_COST = 17.0
# The range of int8 weights follows from the processor unless it is given: another machine's file is another artifact.
MACHINE: dict[str, Any] = {"machine": ["saturates-int8"]}
ONNX: dict[str, Any] = {"needs": ("onnx", "onnxruntime"), "extra": "onnxruntime"}
TRAINED: dict[str, Any] = {"needs": ("torch", "onnx", "onnxscript", "onnxruntime"), "extra": "onnxruntime"}
TORCH: dict[str, Any] = {"needs": ("torch", "torchao"), "extra": "torch"}


@bench.compressor("quantize", accepts="onnx", facts=MACHINE, **ONNX)
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
    group_size: GroupSize = None,
    budget: Budget = None,
    reduce_range: ReduceRange = None,
    toolkit: Toolkit = "onnxruntime",
) -> Path:
    """Quantise an ONNX file: int8 dynamic or static (QDQ), fp16, or weights alone in 2 to 8 bits.

    Affine int8 is q = round(x / s) + z (Jacob et al. 2018). bf16 is unsupported: onnxruntime's CPU kernels lack it.
    """
    from bench_quantize import onnx_file
    from bench_quantize.options import Options

    del toolkit  # one word is all it may be: the planner reads it
    return onnx_file.quantized(
        model,
        ctx,
        Options(mode, bits, calibrate, method, per_channel, symmetric, group_size, budget, reduce_range=reduce_range),
    )


@bench.compressor("quantize", produces="onnx", facts={"cost": TRAINED_COST, **MACHINE}, **TRAINED)
def quantize_to_onnx(
    model: Any,
    ctx: bench.Context,
    *,
    mode: Mode = "dynamic",
    bits: Bits = 8,
    calibrate: Calibrate = 256,
    method: Method = "minmax",
    per_channel: PerChannel = True,
    symmetric: Symmetric = None,
    group_size: GroupSize = None,
    budget: Budget = None,
    reduce_range: ReduceRange = None,
    epochs: Epochs = 0.0,
    learning_rate: Rate = None,
) -> Path:
    """Train a module under fake quantisation and write it as a static int8 ONNX file (QDQ)."""
    from bench_quantize import qat_onnx
    from bench_quantize.options import Options

    numbers = Options(mode, bits, calibrate, method, per_channel, symmetric, group_size, budget, epochs, learning_rate)
    options = replace(numbers, reduce_range=reduce_range)
    return qat_onnx.trained_file(model, ctx, options)


@bench.compressor("quantize", produces="torch-quantized", **TORCH)
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
    group_size: GroupSize = None,
    budget: Budget = None,
    reduce_range: ReduceRange = None,
    epochs: Epochs = 0.0,
    learning_rate: Rate = None,
) -> Path:
    """Quantise a torch module and export it as .pt2: int8 dynamic or static, half floats, or weights alone.

    Dynamic int8 converts linear layers (torchao) and embeddings; static int8 is PT2E with torchao's x86 quantiser.
    A process that loads the int8 files imports torchao first: it registers their operators.
    """
    from bench_quantize import module
    from bench_quantize.options import Options

    numbers = Options(mode, bits, calibrate, method, per_channel, symmetric, group_size, budget, epochs, learning_rate)
    options = replace(numbers, reduce_range=reduce_range)
    return module.quantized(model, ctx, options)


@bench.compressor("codebook", produces="torch-quantized", needs=("torch",), extra="torch")
def codebook_torch(
    model: Any,
    ctx: bench.Context,
    *,
    method: Codebook = "kmeans",
    bits: IndexBits = 4,
    epochs: Annotated[float, bench.Bounds(ge=0), "passes over the training split that move the levels"] = 0.0,
    learning_rate: Rate = None,
) -> Path:
    """Store each weight as an index into a codebook, and export the module as .pt2, which decodes as it runs.

    kmeans: Han et al. 2016; pot, apot: Li et al. 2020; nf4: Dettmers et al. 2023. The indices are really packed.
    """
    from bench_quantize.codebook import encoded

    return encoded(model, ctx, method=method, bits=bits, epochs=epochs, learning_rate=learning_rate, format="pt2")


@bench.compressor("codebook", produces="onnx", **TRAINED)
def codebook_to_onnx(
    model: Any,
    ctx: bench.Context,
    *,
    method: Codebook = "kmeans",
    bits: IndexBits = 4,
    epochs: Annotated[float, bench.Bounds(ge=0), "passes over the training split that move the levels"] = 0.0,
    learning_rate: Rate = None,
) -> Path:
    """Store each weight of a module as an index into a codebook, and export it as ONNX, decoded when it is opened."""
    from bench_quantize.codebook import encoded

    return encoded(model, ctx, method=method, bits=bits, epochs=epochs, learning_rate=learning_rate, format="onnx")


@bench.compressor("codebook", accepts="onnx", needs=("onnx", "onnxruntime"), extra="onnxruntime")
def codebook_onnx(
    model: bench.Artifact, ctx: bench.Context, *, method: Codebook = "kmeans", bits: IndexBits = 4
) -> Path:
    """Store each weight of an ONNX file as an index into a codebook (Gather nodes decode it)."""
    from bench_quantize.codebook_file import encoded_file

    return encoded_file(model, ctx, method=method, bits=bits)
