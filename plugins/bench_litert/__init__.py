"""LiteRT (formerly TensorFlow Lite): a backend for .tflite files, their converter from torch, int8, and counters.

Runtime and quantiser are one environment, the converter from torch another: it pins what the core needs newer. This
module is light: the libraries are imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

FORMAT = "tflite"
Kernels = Literal["xnnpack", "builtin", "reference"]
Mode = Annotated[
    Literal["dynamic", "static", "fp16", "bf16", "weight-only", "mixed", "qat"],
    "int8 with activation ranges found at run time, or by calibration; half-precision floats stored; or weights alone",
]
# Installed into virtual environments of Python 3.11 on Linux x86-64, with numpy, psutil and pluggy.
ENVIRONMENT_BYTES = 300_000_000
CONVERTER_BYTES = 2_300_000_000
WHERE: dict[str, Any] = {
    "extra": "litert",
    "environment": ("ai-edge-litert==2.3.0", "ai-edge-quantizer==0.10.0"),
}
CONVERTER: dict[str, Any] = {
    "needs": ("litert_torch", "torch"),
    "environment": ("litert-torch==0.10.0", "torch==2.13.0"),
}
COUNTS: dict[str, Any] = {"needs": ("ai_edge_litert",), **WHERE}


@bench.backend(
    "litert",
    accepts=FORMAT,
    needs=("ai_edge_litert",),
    facts={"devices": ["cpu"], "environment_bytes": ENVIRONMENT_BYTES},
    **WHERE,
)
class LiteRtBackend:
    """LiteRT on the CPU.

    `kernels` is what executes the graph: "xnnpack" (the delegate, which takes the nodes it knows; the runtime's
    default), "builtin" (the optimised kernels alone) or "reference" (plain loops, to compare with).
    """

    def __init__(
        self,
        kernels: Annotated[
            Kernels, "whose kernels execute the graph: the XNNPACK delegate's or the runtime's own"
        ] = "xnnpack",
    ) -> None:
        self.kernels = kernels

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Open a file on the CPU. Raises Unsupported for other devices and for what no kernel takes."""
        from bench_litert.session import open_session

        return open_session(artifact, device=device, threads=threads, kernels=self.kernels)


@bench.converter(
    "litert-torch",
    accepts="torch",
    produces=FORMAT,
    facts={"cost": 10.0, "environment_bytes": CONVERTER_BYTES},
    **CONVERTER,
)
def litert_torch(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Convert a .pt2 program to a .tflite file: inputs keep their names, and the batch axis stays free where it can."""
    from bench_litert.convert import convert

    return convert(artifact, ctx)


@bench.compressor("quantize", accepts=FORMAT, needs=("ai_edge_litert", "ai_edge_quantizer"), **WHERE)
def quantize_tflite(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    mode: Mode = "dynamic",
    bits: Annotated[int, bench.Bounds(ge=2, le=8), "bits of a weight: 8 or 4; static: 8"] = 8,
    calibrate: Annotated[int, bench.Bounds(ge=1), "calibration examples (static)"] = 256,
    method: Annotated[
        Literal["minmax", "entropy", "percentile"], "how activation ranges follow from the examples: minmax only"
    ] = "minmax",
    per_channel: Annotated[bool, "one weight scale per output channel, not one per tensor"] = True,
    symmetric: Annotated[
        bool | None, "weights are symmetric and activations are not: true is unsupported (static)"
    ] = None,
    group_size: Annotated[
        int | None, bench.Bounds(ge=0), "weights that share a scale: the output channel's (0) is all there is"
    ] = None,
    reduce_range: Annotated[bool | None, "keep int8 weights to 7 bits: these kernels need no such thing"] = None,
) -> Path:
    """Quantise a .tflite file: int8 dynamic or static, half-precision or 8 or 4-bit weights (ai-edge-quantizer)."""
    from bench_litert.quantize import Options, quantized

    options = Options(mode, bits, calibrate, method, per_channel, symmetric, group_size, reduce_range)
    return quantized(model, ctx, options)


@bench.counter("parameters", accepts=FORMAT, **COUNTS)
def parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights in the file, quantised ones counted by element."""
    from bench_litert.counters import count_parameters

    return count_parameters(artifact)


@bench.counter("nonzero", accepts=FORMAT, **COUNTS)
def nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights whose value is not zero."""
    from bench_litert.counters import count_nonzero

    return count_nonzero(artifact)


@bench.counter("flops", accepts=FORMAT, **COUNTS)
def flops(artifact: bench.Artifact) -> bench.Reading:
    """Floating-point (or integer) operations of one inference at batch 1: 2 x MACs."""
    from bench_litert.counters import count_flops

    return count_flops(artifact)


@bench.counter("bitops", accepts=FORMAT, **COUNTS)
def bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference at batch 1: MACs x weight bits x activation bits."""
    from bench_litert.counters import count_bitops

    return count_bitops(artifact)


@bench.counter("size_encoded", accepts=FORMAT, **COUNTS)
def size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes of the file if zeros, few values and equal weights were stored as such."""
    from bench_litert.counters import count_encoded

    return count_encoded(artifact)


@bench.task(
    "own-tflite",
    produces=FORMAT,
    needs=("ai_edge_litert",),
    facts={
        "opens": ".tflite",
        "metric": "accuracy with labels, else agreement with the uncompressed model",
        "unit": "1",
        "higher_is_better": True,
        "about": "Your own model, as `bench try` makes it.",
        "licence": "yours",
        "source": "yours",
        "version": "1",
    },
    **WHERE,
)
def own_tflite(
    model: Annotated[str, "the file"],
    data: Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"] = None,
    metric: Annotated[str | None, "what quality is: package.module:function of outputs and labels"] = None,
) -> bench.Task:
    """Take a .tflite file of your own (for `bench try`)."""
    from bench_litert.own import TfliteModel

    return bench.ModelTask(TfliteModel(model), data, metric)
