"""A compressor that changes nothing: its artifact is the baseline's, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import bench


@bench.compressor("change-nothing", accepts="onnx")
def change_nothing(artifact: bench.Artifact, ctx: Any) -> Path:
    """Copy the file."""
    return Path(shutil.copyfile(artifact.path, ctx.workdir / "same.onnx"))
