"""torch_xla as this backend uses it: placing tensors, ending a call, and what the runtime counted."""

from __future__ import annotations

from typing import Any

import bench
from bench_xla.device import kind_of, prepare

EXECUTED, COMPILED = "ExecuteTime", "CompileTime"
FALLBACK = "aten::"  # counters of operators that XLA lacks: they run on the host, and cut the graph in two


class Runtime:
    """One XLA device. Work is traced when it is called and runs when the device is told to: see `finish`."""

    def __init__(self, kind: str) -> None:
        """Take the first device. Raises Unsupported when the runtime came up on another kind than was asked for."""
        import torch_xla
        import torch_xla.core.xla_model as xm
        import torch_xla.debug.metrics as met

        self._metrics = met
        self.device: Any = torch_xla.device()
        self.hardware = str(xm.xla_device_hw(self.device))
        if self.hardware != kind:
            raise bench.Unsupported(
                f"torch_xla came up on {self.hardware}, not on {kind}: PJRT_DEVICE was set too late"
            )
        self.version = str(torch_xla.__version__)
        self._sync, self._wait = torch_xla.sync, xm.wait_device_ops

    def finish(self) -> None:
        """Run what was traced and is still referenced, and return when the device is done.

        `sync` only hands the graph over, and does so even with `wait=True` (0.20 ms read for a true 9.9);
        `wait_device_ops` waits. What nobody holds any more when `sync` is called is never executed.
        """
        self._sync()
        self._wait()

    def counters(self) -> dict[str, int]:
        """Return how many graphs were executed and compiled so far in this process."""
        return {"executed": self._metric(EXECUTED)[0], "compiled": self._metric(COMPILED)[0]}

    def compile_s(self) -> float:
        """Return the seconds spent compiling so far in this process."""
        return self._metric(COMPILED)[1] / 1e9

    def fallbacks(self) -> dict[str, int]:
        """Return the operators that ran on the host because XLA lacks them, and how often."""
        names = [str(each) for each in self._metrics.counter_names() if str(each).startswith(FALLBACK)]
        return {each: int(self._metrics.counter_value(each)) for each in sorted(names)}

    def _metric(self, name: str) -> tuple[int, float]:
        """Return how often something was timed, and the sum in nanoseconds; a metric appears with its first sample."""
        found = self._metrics.metric_data(name)
        return (0, 0.0) if found is None else (int(found[0]), float(found[1]))


def open_runtime(device: str, threads: int) -> Runtime:
    """Return the runtime of a device. Raises Unsupported when it is not here."""
    kind = kind_of(device)
    prepare(kind, threads)
    return Runtime(kind)
