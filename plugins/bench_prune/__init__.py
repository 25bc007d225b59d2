"""Pruning: take out the weights, channels or heads that matter least.

`import bench_prune` is light: torch, torch_pruning and onnx are loaded when a recipe runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench
from bench_prune import options as o


@bench.compressor("prune", needs=("torch", "torch_pruning"), extra="torch")
def prune(
    model: Any,
    ctx: bench.Context,
    *,
    sparsity: o.Sparsity = None,
    threshold: o.Threshold = None,
    scope: o.Ranked = None,
    method: o.Criterion = "magnitude",
    pattern: o.Pattern = "unstructured",
    structured: o.Removal = "none",
    norm: o.Norm = "l2",
    round_to: o.RoundTo = 4,
    finetune: o.Finetune = 0.0,
    schedule: o.When = "one-shot",
    steps: o.Steps = 10,
    initial_sparsity: o.Initial = 0.0,
    begin: o.Begin = 0.0,
    end: o.End = 0.75,
    frequency: o.Frequency = None,
    examples: o.Examples = 256,
    learning_rate: o.Rate = None,
) -> Any:
    """Set the weights that matter least to zero, or remove the weakest channels or heads, and fine-tune what is left.

    Ranked by magnitude (Han et al. 2015), gradient, movement or activation, or at random; channels by dependency
    graph (Fang et al. 2023, ranked as Li et al. 2017). Zeros stay zeros through fine-tuning. The model handed in is
    left untouched.
    """
    asked = {name: value for name, value in locals().items() if name not in ("model", "ctx")}
    from bench_prune.module import pruned

    return pruned(model, ctx, o.Options(**asked))


@bench.compressor("prune", accepts="onnx", needs=("onnx",), extra="onnxruntime")
def prune_onnx(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    sparsity: o.Sparsity = None,
    threshold: o.Threshold = None,
    scope: o.FileScope = "global",
    structured: Annotated[Literal["none", "channels"], "an ONNX file can only be pruned weight by weight"] = "none",
    finetune: Annotated[float, bench.Bounds(ge=0), "an ONNX file cannot be trained: 0"] = 0.0,
) -> Path:
    """Set the smallest weights of an ONNX file to zero (magnitude pruning, Han et al. 2015)."""
    from bench_prune.onnx_file import pruned_file

    return pruned_file(
        model, ctx, sparsity=sparsity, threshold=threshold, scope=scope, structured=structured, finetune=finetune
    )


@bench.compressor("sparse-csr", produces="torch-sparse", needs=("torch",), extra="torch")
def sparse_csr(
    model: Any,
    ctx: bench.Context,
    *,
    above: Annotated[float, bench.Bounds(ge=0, lt=1), "linear layers with at least this fraction of zeros"] = 0.8,
) -> Path:
    """Store and compute linear layers as compressed sparse rows: zeros that prune made are neither kept nor multiplied.

    The program holds each row's nonzero values and their columns, and multiplies by plain torch's `embedding_bag`.
    """
    from bench_prune.sparse import sparse_program

    return sparse_program(model, ctx, above=above)


@bench.compressor("low-rank", needs=("torch",), extra="torch")
def low_rank(
    model: Any,
    ctx: bench.Context,
    *,
    rank: Annotated[int | None, bench.Bounds(ge=1), "singular values that each layer keeps"] = None,
    energy: Annotated[float | None, bench.Bounds(gt=0, le=1), "share of the squared singular values kept"] = None,
    ratio: Annotated[
        float | None, bench.Bounds(gt=0, lt=1), "share of each layer's weights left; 0.5 when nothing else is given"
    ] = None,
    conv: Annotated[
        Literal["channel", "spatial", "none"], "convolutions become k x k then 1 x 1, k x 1 then 1 x k, or stay"
    ] = "channel",
    finetune: o.Finetune = 0.0,
    learning_rate: o.Rate = None,
) -> Any:
    """Replace linear and convolution layers by two thinner ones each, by singular value decomposition.

    Layers that would not get smaller stay. Denton et al. 2014 and Jaderberg et al. 2014 for convolutions. The model
    handed in is left untouched.
    """
    from bench_prune.lowrank import Budget, factorised

    budget = Budget(rank=rank, energy=energy, ratio=ratio)
    return factorised(model, ctx, budget, conv=conv, finetune=finetune, learning_rate=learning_rate)
