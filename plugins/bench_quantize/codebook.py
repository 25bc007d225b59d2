"""The `codebook` step: each weight becomes an index into a short table of levels."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

import bench
from bench_quantize import packed
from bench_quantize.export import write_onnx, write_program
from bench_quantize.module import tensors
from bench_quantize.options import RATE, check_codebook, note_codebook
from bench_quantize.quiet import quiet
from bench_quantize.stored import encode_codebook, facts_of


def encoded(
    model: Any,
    ctx: bench.Context,
    *,
    method: str,
    bits: int,
    epochs: float,
    learning_rate: float | None,
    format: str,  # noqa: A002 - the noun's own name
) -> Path:
    """Write the program (`format` "pt2" or "onnx") into ctx.workdir and return its path; `model` is left untouched.

    With `epochs` the tables (kmeans) or the scales are trained together with biases and norms, the indices stay.
    """
    check_codebook(method, bits, epochs, learning_rate)
    example = tensors(ctx.example(2))
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        clone = copy.deepcopy(model).eval()
        total = sum(each.numel() for each in clone.parameters())
        stored = packed.install(clone, lambda _, array: encode_codebook(array, method, bits=bits), learn=bool(epochs))
        if epochs:
            clone.requires_grad_(True)
            ctx.note(fit=dict(ctx.fit(clone, epochs=epochs, seed=ctx.seed, learning_rate=learning_rate or RATE)))
            packed.settle(clone)
        clone.eval().requires_grad_(False)
        write = write_program if format == "pt2" else write_onnx
        path = write(clone, example, ctx.workdir / f"codebook.{format}")
    note_codebook(ctx, method, bits, facts_of(stored, total))
    return path
