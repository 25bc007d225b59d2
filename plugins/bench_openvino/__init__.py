"""OpenVINO: a backend for ONNX files and OpenVINO's own IR, in an environment of its own, and the converter to IR.

This module is light: openvino is imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

FORMAT = "openvino"
Hint = Literal["latency", "throughput"]
Precision = Literal["f32", "bf16", "f16"]
# Installed into a virtual environment of Python 3.11 on Linux x86-64, with numpy, psutil and pluggy.
ENVIRONMENT_BYTES = 260_000_000
WHERE: dict[str, Any] = {
    "needs": ("openvino",),
    "extra": "openvino",
    "environment": ("openvino==2026.4.1",),
}


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
