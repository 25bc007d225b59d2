"""Pruning: take out the weights or channels that matter least.

`import bench_prune` is light: torch, torch_pruning and onnx are loaded when a recipe runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

Sparsity = Annotated[
    float | None,
    bench.Bounds(ge=0, lt=1),
    "fraction of weights (or channels) taken out; 0.5 when neither this nor a threshold is given",
]
Threshold = Annotated[float | None, bench.Bounds(ge=0), "keep a weight only if |w| is greater; instead of a sparsity"]
Scope = Annotated[Literal["global", "layer"], "rank weights over all layers together, or within each layer"]


@bench.compressor("prune", needs=("torch", "torch_pruning"), extra="torch")
def prune(
    model: Any,
    ctx: bench.Context,
    *,
    sparsity: Sparsity = None,
    threshold: Threshold = None,
    scope: Scope = "global",
    structured: Annotated[Literal["none", "channels"], "'channels' removes whole channels: tensors shrink"] = "none",
    norm: Annotated[Literal["l1", "l2"], "norm that ranks channels; single weights are ranked by |w|"] = "l2",
    round_to: Annotated[
        int,
        bench.Bounds(ge=1),
        "channels are kept in multiples of this (rounded down): runtimes are slow at odd widths",
    ] = 4,
    finetune: Annotated[float, bench.Bounds(ge=0), "passes over the training split after (or while) pruning"] = 0.0,
    schedule: Annotated[
        Literal["one-shot", "polynomial"], "prune at once, or step by step while fine-tuning"
    ] = "one-shot",
    steps: Annotated[int, bench.Bounds(ge=1), "how often the polynomial schedule raises the sparsity"] = 10,
    learning_rate: Annotated[float | None, bench.Bounds(gt=0), "of fine-tuning; the task's own when left out"] = None,
) -> Any:
    """Set the smallest weights to zero, or remove the weakest channels, and fine-tune what is left.

    Magnitude pruning (Han et al. 2015); channels by dependency graph (Fang et al. 2023, ranked as Li et al. 2017);
    the polynomial schedule is Zhu and Gupta's (2017). Zeros stay zeros through fine-tuning. The model handed in is
    left untouched.
    """
    from bench_prune.module import pruned

    return pruned(
        model,
        ctx,
        sparsity=sparsity,
        threshold=threshold,
        scope=scope,
        structured=structured,
        norm=norm,
        round_to=round_to,
        finetune=finetune,
        schedule=schedule,
        steps=steps,
        learning_rate=learning_rate,
    )


@bench.compressor("prune", accepts="onnx", needs=("onnx",), extra="onnxruntime")
def prune_onnx(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    sparsity: Sparsity = None,
    threshold: Threshold = None,
    scope: Scope = "global",
    structured: Annotated[Literal["none", "channels"], "an ONNX file can only be pruned weight by weight"] = "none",
    finetune: Annotated[float, bench.Bounds(ge=0), "an ONNX file cannot be trained: 0"] = 0.0,
) -> Path:
    """Set the smallest weights of an ONNX file to zero (magnitude pruning, Han et al. 2015)."""
    from bench_prune.onnx_file import pruned_file

    return pruned_file(
        model, ctx, sparsity=sparsity, threshold=threshold, scope=scope, structured=structured, finetune=finetune
    )
