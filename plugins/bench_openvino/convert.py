"""From one ONNX file to OpenVINO's IR."""

from __future__ import annotations

from pathlib import Path

import openvino

import bench
from bench_openvino.reading import read_model, simplified, version


def convert(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "ir" / model.xml` with its weights and return the folder.

    Weights are not rounded to half precision, as the library does unless told: what is measured is the model that came.
    """
    folder = Path(ctx.workdir) / "ir"
    folder.mkdir()
    model = simplified(read_model(openvino.Core(), artifact))
    openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)
    ctx.note(converter=f"openvino {version()}", nodes=len(model.get_ops()))
    return folder
