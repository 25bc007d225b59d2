"""XLA: a backend that runs .pt2 programs through torch_xla, on a TPU or on the CPU, in an environment of its own.

This module is light: torch and torch_xla are imported by the modules of this package when something is used.
"""

from __future__ import annotations

import bench

# torch_xla pins no torch, but fails on a symbol beside any other series than its own.
REQUIREMENTS = ("torch~=2.9.0", "torch_xla==2.9.0")
# On Linux x86-64 that torch is a build for CUDA, and brings NVIDIA's libraries along; nothing of them is used.
ENVIRONMENT_BYTES = 7_000_000_000


@bench.backend(
    "xla",
    accepts=("torch", "torch-quantized"),
    needs=("torch", "torch_xla"),
    environment=REQUIREMENTS,
    facts={"devices": ["xla"], "environment_bytes": ENVIRONMENT_BYTES},
)
class XlaBackend:
    """PyTorch/XLA with lazy tensors, on `xla:TPU`, or on `xla:CPU`: the very same code.

    A call traces the program, hands the graph to XLA and waits for the device. What was compiled and executed is
    counted by the runtime: a window in which a call did not execute just once, or something was compiled, is invalid.
    """

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Load the program for `xla:CPU` or `xla:TPU`. Raises Unsupported when there is no such device here."""
        from bench_xla.session import open_session

        return open_session(artifact, device=device, threads=threads)
