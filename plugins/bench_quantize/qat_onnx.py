"""Quantisation-aware training that ends in an ONNX file: a module is trained, exported and quantised as any file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import bench
from bench_quantize import onnx_file
from bench_quantize.export import EXAMPLE_BATCH, write_onnx
from bench_quantize.module import tensors, trained
from bench_quantize.options import Options
from bench_quantize.quiet import quiet


def trained_file(model: Any, ctx: bench.Context, options: Options) -> Path:
    """Train under fake quantisation, write the static ONNX file into ctx.workdir and return its path.

    `model` is left untouched. The grid of the trained weights is the one that the file stores: each output channel's
    largest weight is its largest integer, before and after the export folds normalisation into it.
    """
    options.check()
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        clone = trained(model, ctx, options, reduced=options.reduced)
        path = write_onnx(clone, tensors(ctx.example(EXAMPLE_BATCH)), ctx.workdir / "trained.onnx")
    return onnx_file.quantized(bench.Artifact.of(path, "onnx"), ctx, options)
