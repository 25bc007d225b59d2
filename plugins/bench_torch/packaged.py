"""Sessions of packages: the machine code that AOTInductor compiled, called without Python in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

# Here it counts as the runtime's import, not as the artifact's start-up.
from torch._inductor.package import load_package

import bench
from bench_torch.devices import cuda_number
from bench_torch.package import metadata
from bench_torch.program import Input, quiet
from bench_torch.session import TorchSession


def open_package(artifact: bench.Artifact, *, device: str, threads: int) -> PackagedSession:
    """Load a package. Raises Unsupported for another device than the processor, and for one that does not load here."""
    if device != "cpu":
        cuda_number(device)
        cure = "use `compile: true` or the eager backend there"
        raise bench.Unsupported(f"a package is compiled for the processor here, not for '{device}'", cure=cure)
    known = metadata(artifact.path)
    torch.set_num_threads(threads)
    try:
        with quiet():
            model = load_package(str(artifact.path))
    except Exception as error:
        message = f"{artifact.path.name} does not load: {' '.join(str(error).split())[:300]}"
        cure = "packages hold code for the processor and the torch they were made with: build it again here"
        raise bench.Unsupported(message, cure=cure) from error
    return PackagedSession(model.loader, known)


class PackagedSession(TorchSession):
    """One loaded package."""

    mode = "package"

    def __init__(self, loader: Any, known: Mapping[str, Any]) -> None:
        inputs = [
            Input(each["name"], each["name"], tuple(each["shape"]), getattr(torch, each["dtype"]))
            for each in known["inputs"]
        ]
        told = loader.get_metadata()
        facts = {
            "precision": known["precision"],
            "inputs": {each["name"]: each["dtype"] for each in known["inputs"]},
            "frozen": known["frozen"],
            "compiled_by": f"torch {known['torch']}",
            "instructions": told.get("AOTI_CPU_ISA"),
            **({"rows_per_call": known["rows"]} if "rows" in known else {}),
        }
        super().__init__(inputs, facts)
        self._loader, self._frozen, self._rows = loader, bool(known["frozen"]), known.get("rows")

    def profile(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Raise Unsupported: torch's profiler sees the copies around a package's code, and nothing in it."""
        del inputs
        raise bench.Unsupported("a package runs as machine code of its own, into which torch's profiler does not see")

    def close(self) -> None:
        """Drop the package; its code stays mapped until the process ends."""
        super().close()
        self._loader = None

    def _call(self, tensors: dict[str, Any]) -> Callable[[], Any]:
        arguments, run, no_grad = list(tensors.values()), self._loader.run, torch.no_grad
        batch = len(arguments[0]) if arguments and arguments[0].dim() else 1
        if self._rows and batch != self._rows:  # the code checks no shape: it would compute nonsense from another
            parts = [[each[row : row + self._rows] for each in arguments] for row in range(0, batch, self._rows)]

            def by_rows() -> Any:
                with no_grad():
                    made = [run([each.clone() for each in part]) for part in parts]
                    return [torch.cat(outputs) for outputs in zip(*made, strict=True)]

            return by_rows
        if self._frozen:  # a frozen program may write into its inputs, as with `compile`

            def copying() -> Any:
                with no_grad():
                    return run([each.clone() for each in arguments])

            return copying

        def call() -> Any:
            with no_grad():
                return run(arguments)

        return call
