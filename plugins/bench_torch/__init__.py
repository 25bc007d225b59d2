"""PyTorch: export to and from .pt2 files, a backend that runs them, and counters of what they hold and do.

This module is light: torch is imported by the modules of this package when something is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import bench

FORMATS = ("torch", "torch-quantized", "torch-sparse")
# What torch.compile's ahead-of-time side leaves: machine code for one kind of processor, in a .pt2 file of its own.
PACKAGE = "torch-package"
# Nothing is won by going back from a file to a module, so every other route is tried first.
LOAD_COST = 40.0
PACKAGE_COST = 30.0
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
Metric = Annotated[str | None, "what quality is: package.module:function of outputs and labels"]


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


@bench.converter(
    PACKAGE, accepts=FORMATS, produces=PACKAGE, facts={"cost": PACKAGE_COST, "machine": ["processor"]}, **TORCH
)
def torch_package(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Compile a .pt2 program ahead of time (AOTInductor) into a package of machine code for this processor."""
    from bench_torch.package import package

    return package(artifact, ctx)


@bench.backend(
    "torch",
    accepts=(*FORMATS, PACKAGE),
    facts={"devices": ["cpu", "cuda"], "opens_with": {"package": [PACKAGE]}, "runs": ["module"]},
    **TORCH,
)
class TorchBackend:
    """PyTorch, eager, compiled, or as a package that was compiled ahead of time.

    Eager runs the exported program operator by operator, as calling the module would. `compile` hands it to
    torch.compile (inductor, one shape, no Python fallback); quantised programs are frozen too, because only then
    do integer kernels run. `package` compiles it with AOTInductor while the artifact is built, and runs the machine
    code. Compiling needs a C++ compiler; results of `compile` are cached under TORCHINDUCTOR_CACHE_DIR.
    """

    def __init__(
        self,
        compile: Annotated[bool, "run through torch.compile instead of operator by operator"] = False,  # noqa: A002 - torch's word
        package: Annotated[bool, "compile ahead of time (AOTInductor), and run the package"] = False,
    ) -> None:
        if compile and package:
            raise bench.Unsupported("`compile` and `package` are two ways to run a model: choose one")
        self.compile, self.package = compile, package
        # Loading a program imports much of torch: here it counts as the runtime's import, not as the artifact's memory.
        import bench_torch.session

        if package:
            import bench_torch.packaged  # noqa: F401

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Load the program for a device. Raises Unsupported when the device or the compiler is missing."""
        if artifact.format == PACKAGE:
            from bench_torch.packaged import open_package

            return open_package(artifact, device=device, threads=threads)
        from bench_torch.session import open_session

        return open_session(artifact, device=device, threads=threads, compiled=self.compile)

    def run_module(self, module: Any, inputs: bench.Arrays) -> bench.Arrays:
        """Run a module in memory on one batch, in evaluation mode and on a copy: it stays as it was."""
        from bench_torch.module import run_module

        return run_module(module, inputs)

    def watch_memory(self, device: str) -> bench.MemoryWatch | None:
        """Return what watches a card's memory; None for the processor's, which the harness watches itself."""
        if device == "cpu":
            return None
        from bench_torch.devices import CudaMemory, cuda_number

        return CudaMemory(cuda_number(device))


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


@bench.counter("parameters", accepts=PACKAGE, **TORCH)
def package_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights of the program that a package was compiled from."""
    from bench_torch.package import counted

    return counted(artifact, "parameters")


@bench.counter("nonzero", accepts=PACKAGE, **TORCH)
def package_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights that are not zero of the program that a package was compiled from."""
    from bench_torch.package import counted

    return counted(artifact, "nonzero")


@bench.counter("flops", accepts=PACKAGE, **TORCH)
def package_flops(artifact: bench.Artifact) -> bench.Reading:
    """Operations of one inference of the program that a package was compiled from."""
    from bench_torch.package import counted

    return counted(artifact, "flops")


@bench.counter("bitops", accepts=PACKAGE, **TORCH)
def package_bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference of the program that a package was compiled from."""
    from bench_torch.package import counted

    return counted(artifact, "bitops")


@bench.counter("size_encoded", accepts=PACKAGE, **TORCH)
def package_size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes of a package if zeros, few values and equal weights were stored as such."""
    from bench_torch.package import encoded

    return encoded(artifact)


@bench.task("own-torch", produces="torch", facts={**OWN, "opens": ".pt2"}, **TORCH)
def own_torch(model: Model, data: Data = None, metric: Metric = None) -> bench.Task:
    """Take a torch.export program (.pt2) of your own (for `bench try`)."""
    from bench_torch.own import ProgramModel

    return bench.ModelTask(ProgramModel(model), data, metric)


@bench.task("own-module", produces="module", facts={**OWN, "opens": ":"}, **TORCH)
def own_module(model: Model, data: Data = None, metric: Metric = None) -> bench.Task:
    """Take a torch module from a factory that returns it, or it and its example inputs by name (for `bench try`)."""
    from bench_torch.own import FactoryModel, ModuleTask

    return ModuleTask(FactoryModel(model), data, metric)
