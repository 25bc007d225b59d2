"""From a .pt2 program to one ONNX file."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bench
from bench_onnxruntime import OPSET

BATCH = "batch"
FILE_LIMIT_BYTES = 2**31 - 1  # protobuf's; larger weights would have to lie beside the file


def export(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "model.onnx"` and return its path.

    Raises Unsupported when an operator has no ONNX form or the file would pass 2 GB.
    """
    import onnx
    import torch

    if artifact.size_bytes > FILE_LIMIT_BYTES:
        raise bench.Unsupported("a model above 2 GB does not fit in one ONNX file")
    path = Path(ctx.workdir) / "model.onnx"
    try:
        with quiet():
            program = torch.export.load(artifact.path)
            exported = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                output_names=_outputs(program),
                verbose=False,
            )
    except Exception as error:
        cure = "replace the operator it names, or run the model on the torch backend"
        raise bench.Unsupported(f"torch.onnx.export failed: {_reason(error)}", cure=cure) from error
    model = exported.model_proto
    _name_batch(model)
    onnx.save_model(model, str(path))
    ctx.note(opset=OPSET, exporter=f"torch {torch.__version__}", nodes=len(model.graph.node))
    return path


def _reason(error: BaseException) -> str:
    """Return the innermost cause in one line: the exporter wraps it in a page of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(plain.split())[:400]


def _outputs(program: Any) -> list[str]:
    n = len(program.graph_signature.user_outputs)
    return ["output"] if n == 1 else [f"output_{index}" for index in range(n)]


def _name_batch(model: Any) -> None:
    """Call the batch axis "batch" everywhere; the tracer calls it s77 or the like."""
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    traced = first.dim_param
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    for dimension in (each for value in values for each in value.type.tensor_type.shape.dim):
        if traced and dimension.dim_param == traced:
            dimension.dim_param = BATCH


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's progress lines and its notes about absent packages off the terminal."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
