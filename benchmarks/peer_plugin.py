"""A compressor that hands the model and its calibration examples to another tool, in that tool's own environment."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import numpy as np

import bench

TOOLS = Path(__file__).resolve().parent / "peer_tools"


@bench.compressor("peer", accepts="onnx", facts={"machine": ["saturates-int8"]})
def peer(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    script: Annotated[str, "the child under peer_tools"],
    python: Annotated[str, "the interpreter of the tool's environment"],
    code: Annotated[str, "a digest of the child and of its requirements, so that an edited one is run again"] = "",
    how: Annotated[str, "a word for the child"] = "",
    calibrate: Annotated[int, bench.Bounds(ge=1), "calibration examples"] = 256,
) -> Path:
    """Run a child on model.onnx and calibration.npz, which writes out.onnx."""
    ctx.note(tool=script, code=code)
    examples = ctx.calibration(calibrate)
    folder = Path(ctx.workdir)
    np.savez(folder / "calibration.npz", **examples)
    kind = "text" if all(each.dtype.kind == "i" for each in examples.values()) else "image"
    out = folder / "out.onnx"
    command = [python, str(TOOLS / script), str(model.path), str(folder / "calibration.npz"), str(out), kind, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not out.exists():
        last = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1]
        raise bench.BenchError(f"{script} ended with {done.returncode}: {last}")
    return out
