"""OpenVINO: a backend for ONNX files and OpenVINO's own IR, in an environment of its own; int8, counters.

This module is light: openvino and nncf are imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

FORMAT = "openvino"
Hint = Literal["latency", "throughput"]
Precision = Literal["f32", "bf16", "f16"]
# Installed into a virtual environment of Python 3.11 on Linux x86-64, with numpy, psutil and pluggy.
ENVIRONMENT_BYTES = 500_000_000
# Below that of a step on a file: on this runtime its own quantiser comes before another runtime's.
QUANTIZE_COST = 1.0
PLACE: dict[str, Any] = {"extra": "openvino", "environment": ("openvino==2026.4.1", "nncf==3.4.0")}
WHERE: dict[str, Any] = {"needs": ("openvino",), **PLACE}


@bench.backend(
    "openvino",
    accepts=("onnx", FORMAT),
    facts={"devices": ["cpu"], "environment_bytes": ENVIRONMENT_BYTES},
    **WHERE,
)
class OpenVinoBackend:
    """OpenVINO on the CPU.

    `hint` is what the runtime arranges itself for: "latency" (one request on all threads) or "throughput" (as many
    streams as it thinks best, of which a call uses one). `precision` is what it may compute in; left to itself it takes
    bfloat16 where the processor has it, and says nothing.
    """

    def __init__(
        self,
        hint: Annotated[Hint, "what the runtime arranges its threads for"] = "latency",
        precision: Annotated[Precision, "the precision that floating-point models are computed in"] = "f32",
    ) -> None:
        self.hint, self.precision = hint, precision

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Open a file on the CPU. Raises Unsupported for other devices, precisions it lacks, and unknown operators."""
        from bench_openvino.session import open_session

        return open_session(artifact, device=device, threads=threads, hint=self.hint, precision=self.precision)


@bench.converter("openvino-ir", accepts="onnx", produces=FORMAT, facts={"cost": 10.0}, **WHERE)
def openvino_ir(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write an ONNX file as IR, a folder of model.xml and model.bin; weights keep their precision."""
    from bench_openvino.convert import convert

    return convert(artifact, ctx)


@bench.compressor(
    "quantize",
    accepts=("onnx", FORMAT),
    produces=FORMAT,
    needs=("openvino", "nncf"),
    facts={"cost": QUANTIZE_COST, "machine": ["saturates-int8"]},
    **PLACE,
)
def quantize_openvino(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    mode: Annotated[Literal["static"], "int8 with activation ranges by calibration"],
    toolkit: Annotated[Literal["nncf"], "whose quantiser"] = "nncf",
    calibrate: Annotated[int, bench.Bounds(ge=1), "calibration examples"] = 256,
    method: Annotated[
        Literal["minmax", "percentile"], "how activation ranges follow from the calibration examples"
    ] = "minmax",
    per_channel: Annotated[bool, "one weight scale per output channel, not one per tensor"] = True,
    symmetric: Annotated[
        bool | None, "activation ranges symmetric around zero; those that nncf takes when left out"
    ] = None,
    reduce_range: Annotated[
        bool | None, "keep int8 weights to 7 bits; left out: where the processor that quantises lacks VNNI"
    ] = None,
    layers: Annotated[
        Literal["all", "weighted"] | None,
        "what is quantised: all that nncf takes, or products with weights alone; left out: these where it attends",
    ] = None,
) -> Path:
    """Quantise an ONNX file or an IR to static int8 by nncf and write it as IR.

    Affine int8 is q = round(x / s) + z (Jacob et al. 2018); biases are corrected for the shift that rounding causes.
    """
    from bench_openvino.quantize import Options, quantized

    del mode, toolkit  # what they may be stands in the offer: the planner reads it
    return quantized(model, ctx, Options(calibrate, method, per_channel, symmetric, reduce_range, layers))


@bench.counter("parameters", accepts=FORMAT, **WHERE)
def parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights in the file, quantised ones counted by element."""
    from bench_openvino.counters import count_parameters

    return count_parameters(artifact)


@bench.counter("nonzero", accepts=FORMAT, **WHERE)
def nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights whose value is not zero."""
    from bench_openvino.counters import count_nonzero

    return count_nonzero(artifact)


@bench.counter("flops", accepts=FORMAT, **WHERE)
def flops(artifact: bench.Artifact) -> bench.Reading:
    """Floating-point (or integer) operations of one inference at batch 1: 2 x MACs."""
    from bench_openvino.counters import count_flops

    return count_flops(artifact)


@bench.counter("bitops", accepts=FORMAT, **WHERE)
def bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference at batch 1: MACs x weight bits x activation bits."""
    from bench_openvino.counters import count_bitops

    return count_bitops(artifact)


@bench.counter("size_encoded", accepts=FORMAT, **WHERE)
def size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes of the files if zeros, few values and equal weights were stored as such."""
    from bench_openvino.counters import count_encoded

    return count_encoded(artifact)
