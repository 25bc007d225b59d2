"""ONNX Runtime: export of PyTorch programs to ONNX, a backend that runs them, and counters of what they hold and do.

This module is light: onnx, torch and onnxruntime are imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench

FORMAT = "onnx"
Level = Literal["all", "extended", "basic", "disabled"]
OPSET = 18
EXTRA = "onnxruntime"
COUNTS: dict[str, Any] = {"needs": ("onnx", "onnxruntime"), "extra": EXTRA}


@bench.converter(
    "onnx-export",
    accepts="torch",
    produces=FORMAT,
    needs=("torch", "onnx", "onnxscript"),
    extra=EXTRA,
    facts={"cost": 10.0, "opset": OPSET},
)
def onnx_export(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Export a .pt2 program to one ONNX file (opset 18): inputs keep their names, the batch axis stays dynamic."""
    from bench_onnxruntime.export import export

    return export(artifact, ctx)


@bench.backend("onnxruntime", accepts=FORMAT, needs=("onnxruntime",), extra=EXTRA, facts={"devices": ["cpu", "cuda"]})
class OnnxRuntimeBackend:
    """ONNX Runtime on the processor, or on a card by its CUDA provider.

    `graph_optimization` is how far the runtime may rewrite the graph when it opens the file: "all" (fusions and memory
    layouts of this processor; the runtime's default), "extended", "basic" or "disabled" (the file as it stands).
    """

    def __init__(
        self,
        graph_optimization: Annotated[
            Level, "how far the runtime may rewrite the graph when it opens the file"
        ] = "all",
    ) -> None:
        self.graph_optimization = graph_optimization

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Open the file on a device. Raises Unsupported where that is not here, or would leave products to the CPU."""
        from bench_onnxruntime.session import open_session

        return open_session(artifact, device=device, threads=threads, level=self.graph_optimization)

    def watch_memory(self, device: str) -> bench.MemoryWatch | None:
        """Return what watches a card's memory; None for the processor's, which the harness watches itself."""
        from bench_onnxruntime.card import CardMemory
        from bench_onnxruntime.providers import place_of

        card = place_of(device).card
        return None if card is None else CardMemory(card)


@bench.counter("parameters", accepts=FORMAT, **COUNTS)
def parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights in the file, quantised ones counted by element."""
    from bench_onnxruntime.counters import count_parameters

    return count_parameters(artifact)


@bench.counter("nonzero", accepts=FORMAT, **COUNTS)
def nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights whose value is not zero."""
    from bench_onnxruntime.counters import count_nonzero

    return count_nonzero(artifact)


@bench.counter("flops", accepts=FORMAT, **COUNTS)
def flops(artifact: bench.Artifact) -> bench.Reading:
    """Floating-point (or integer) operations of one inference at batch 1: 2 x MACs."""
    from bench_onnxruntime.counters import count_flops

    return count_flops(artifact)


@bench.counter("bitops", accepts=FORMAT, **COUNTS)
def bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference at batch 1: MACs x weight bits x activation bits."""
    from bench_onnxruntime.counters import count_bitops

    return count_bitops(artifact)


@bench.counter("size_encoded", accepts=FORMAT, **COUNTS)
def size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes of the file if zeros, few values and equal weights were stored as such."""
    from bench_onnxruntime.counters import count_encoded

    return count_encoded(artifact)


@bench.task(
    "own-onnx",
    produces=FORMAT,
    needs=("onnx", "onnxruntime"),
    extra=EXTRA,
    facts={
        "opens": ".onnx",
        "metric": "accuracy with labels, else agreement with the uncompressed model",
        "unit": "1",
        "higher_is_better": True,
        "about": "Your own model, as `bench try` makes it.",
        "licence": "yours",
        "source": "yours",
        "version": "1",
    },
)
def own_onnx(
    model: Annotated[str, "the file"],
    data: Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"] = None,
    metric: Annotated[str | None, "what quality is: package.module:function of outputs and labels"] = None,
) -> bench.Task:
    """Take an .onnx file of your own (for `bench try`)."""
    from bench_onnxruntime.own import OnnxModel

    return bench.ModelTask(OnnxModel(model), data, metric)
