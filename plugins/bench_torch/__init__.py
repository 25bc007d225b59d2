"""PyTorch: export to and from .pt2 files, a backend that runs them, and counters of what they hold and do.

This module is light: torch is imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import bench

FORMATS = ("torch", "torch-quantized", "torch-sparse")
# Nothing is won by going back from a file to a module, so every other route is tried first.
LOAD_COST = 40.0
TORCH: dict[str, Any] = {"needs": ("torch",), "extra": "torch"}
OWN = {
    "metric": "accuracy with labels, else agreement with the uncompressed model",
    "unit": "1",
    "higher_is_better": True,
    "about": "Your own model, as `bench try` makes it.",
    "licence": "yours",
    "source": "yours",
    "version": "1",
}
Model = Annotated[str, "the file, or package.module:factory"]
Data = Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"]


@bench.converter("torch-export", accepts="module", produces="torch", facts={"cost": 5.0}, **TORCH)
def torch_export(module: Any, ctx: bench.Context) -> Path:
    """Export a torch module to a .pt2 program in evaluation mode, with a dynamic batch axis.

    Inputs are the task's, passed by name; source paths and example inputs are left out of the file.
    """
    from bench_torch.export import export

    return export(module, ctx)


@bench.converter("torch-load", accepts="torch", produces="module", facts={"cost": LOAD_COST}, **TORCH)
def torch_load(artifact: bench.Artifact, ctx: bench.Context) -> Any:
    """Turn a .pt2 program back into a module with its layers' names, for steps that work on modules."""
    from bench_torch.export import load_module

    return load_module(artifact, ctx)


@bench.backend("torch", accepts=FORMATS, facts={"devices": ["cpu"]}, **TORCH)
class TorchBackend:
    """PyTorch, eager or compiled.

    Eager runs the exported program operator by operator, as calling the module would. `compile` hands it to
    torch.compile (inductor, one shape, no Python fallback); quantised programs are frozen too, because only then
    do integer kernels run. Compiling needs a C++ compiler; its results are cached under TORCHINDUCTOR_CACHE_DIR.
    """

    def __init__(
        self,
        compile: Annotated[bool, "run through torch.compile instead of operator by operator"] = False,  # noqa: A002 - torch's word
    ) -> None:
        self.compile = compile
        # Loading a program imports much of torch: here it counts as the runtime's import, not as the artifact's memory.
        import bench_torch.session  # noqa: F401

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Load the program for a device. Raises Unsupported when the device or the compiler is missing."""
        from bench_torch.session import open_session

        return open_session(artifact, device=device, threads=threads, compiled=self.compile)


@bench.counter("parameters", accepts=FORMATS, **TORCH)
def parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights that the program uses, quantised ones counted by element."""
    from bench_torch.weights import count_parameters

    return count_parameters(artifact)


@bench.counter("nonzero", accepts=FORMATS, **TORCH)
def nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights whose value is not zero."""
    from bench_torch.weights import count_nonzero

    return count_nonzero(artifact)


@bench.counter("flops", accepts=FORMATS, **TORCH)
def flops(artifact: bench.Artifact) -> bench.Reading:
    """Floating-point (or integer) operations of one inference at batch 1: 2 x MACs."""
    from bench_torch.work import count_flops

    return count_flops(artifact)


@bench.counter("bitops", accepts=FORMATS, **TORCH)
def bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference at batch 1: MACs x weight bits x activation bits."""
    from bench_torch.work import count_bitops

    return count_bitops(artifact)


@bench.counter("size_encoded", accepts=FORMATS, **TORCH)
def size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes of the file if zeros, few values and equal weights were stored as such."""
    from bench_torch.weights import count_encoded

    return count_encoded(artifact)


@bench.task("own-torch", produces="torch", facts={**OWN, "opens": ".pt2"}, **TORCH)
def own_torch(model: Model, data: Data = None) -> bench.Task:
    """Take a torch.export program (.pt2) of your own (for `bench try`)."""
    from bench_torch.own import ProgramModel

    return bench.ModelTask(ProgramModel(model), data)


@bench.task("own-module", produces="module", facts={**OWN, "opens": ":"}, **TORCH)
def own_module(model: Model, data: Data = None) -> bench.Task:
    """Take a torch module from a factory that returns it, or it and its example inputs by name (for `bench try`)."""
    from bench_torch.own import FactoryModel, ModuleTask

    return ModuleTask(FactoryModel(model), data)
