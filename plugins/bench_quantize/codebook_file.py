"""The `codebook` step on an ONNX file."""

from __future__ import annotations

from pathlib import Path

import bench
from bench_quantize.onnx_stored import write_stored
from bench_quantize.options import check_codebook, note_codebook
from bench_quantize.quiet import quiet
from bench_quantize.stored import encode_codebook, facts_of


def encoded_file(model: bench.Artifact, ctx: bench.Context, *, method: str, bits: int) -> Path:
    """Write the file with indices and codebooks in place of its weights and return its path.

    Raises Unsupported for a file without float weights.
    """
    check_codebook(method, bits)
    path = ctx.workdir / "codebook.onnx"
    with quiet():
        stored, total = write_stored(model.path, path, lambda each: encode_codebook(each.rows, method, bits=bits))
    note_codebook(ctx, method, bits, facts_of(stored, total))
    return path
