"""ExecuTorch: a backend for .pte programs on XNNPACK, and the ways to them from .pt2 programs, float32 and int8.

This module is light: executorch is imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

FORMAT = "executorch"
REQUIREMENTS = ("executorch==1.5.1", "torch==2.13.0", "torchao==0.18.0")
# Installed into a virtual environment of Python 3.11 on Linux x86-64, with numpy, psutil and pluggy; torch for the CPU.
ENVIRONMENT_BYTES = 1_700_000_000
WHERE: dict[str, Any] = {"needs": ("executorch",), "extra": "executorch", "environment": REQUIREMENTS}
OWN = {
    "metric": "accuracy with labels, else agreement with the uncompressed model",
    "unit": "1",
    "higher_is_better": True,
    "about": "Your own model, as `bench try` makes it.",
    "licence": "yours",
    "source": "yours",
    "version": "1",
}


@bench.backend(
    "executorch", accepts=FORMAT, facts={"devices": ["cpu"], "environment_bytes": ENVIRONMENT_BYTES}, **WHERE
)
class ExecuTorchBackend:
    """ExecuTorch on the CPU, as the program was lowered: to XNNPACK where that has a kernel, else portable ones."""

    def __init__(self) -> None:
        # Here the import counts as the runtime's, not as the artifact's memory and load time.
        import bench_executorch.session  # noqa: F401

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Load a .pte program. Raises Unsupported for other devices, and for operators and delegates not built in."""
        from bench_executorch.session import open_session

        return open_session(artifact, device=device, threads=threads)


@bench.converter("executorch-xnnpack", accepts="torch", produces=FORMAT, facts={"cost": 10.0}, **WHERE)
def executorch_xnnpack(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Lower a .pt2 program to a .pte file for XNNPACK: float32, of batch 1 unless the program fixes another."""
    from bench_executorch.convert import convert

    return convert(artifact, ctx)


@bench.compressor("quantize", accepts="torch", produces=FORMAT, **WHERE)
def quantize_executorch(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    mode: Annotated[
        Literal["dynamic", "static"], "int8 with activation ranges found at run time, or by calibration"
    ] = "dynamic",
    calibrate: Annotated[int, bench.Bounds(ge=1), "calibration examples (static)"] = 256,
    per_channel: Annotated[bool, "one weight scale per output channel, not one per tensor"] = True,
) -> Path:
    """Quantise a .pt2 program to int8 for XNNPACK (PT2E) and lower it to a .pte file.

    Static mode takes convolutions, linear layers and what lies between; dynamic mode linear layers alone.
    """
    from bench_executorch.quantize import quantized

    return quantized(model, ctx, mode=mode, calibrate=calibrate, per_channel=per_channel)


@bench.task("own-executorch", produces=FORMAT, facts={**OWN, "opens": ".pte"}, **WHERE)
def own_executorch(
    model: Annotated[str, "the file"],
    data: Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"] = None,
    metric: Annotated[str | None, "what quality is: package.module:function of outputs and labels"] = None,
) -> bench.Task:
    """Take an ExecuTorch program (.pte) of your own (for `bench try`)."""
    from bench_executorch.own import ProgramFile

    return bench.ModelTask(ProgramFile(model), data, metric)
