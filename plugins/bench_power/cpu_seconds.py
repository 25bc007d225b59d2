"""CPU seconds of a process tree, and the joules they stand for."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

import bench
from bench_power import DOMAIN, FACTOR, KIND, SOURCE, WATTS_PER_CPU


@dataclass(frozen=True)
class Window:
    """When a window was opened: monotonic seconds, and CPU seconds spent until then."""

    at_s: float
    cpu_s: float


def tree_cpu_seconds() -> float:
    """Return CPU seconds (user and system) of this process, its ended and its living children.

    This process is read to the nanosecond, children to the kernel's clock tick (10 ms on Linux).
    """
    ended = os.times()
    total = time.process_time() + ended.children_user + ended.children_system
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile: its parent's account has it now
            spent = child.cpu_times()
            total += (
                spent.user
                + spent.system
                + getattr(spent, "children_user", 0.0)
                + getattr(spent, "children_system", 0.0)
            )
    return total


class CpuSecondsMeter:
    """Turns windows of CPU time into estimated joules."""

    def __init__(
        self,
        watts_per_cpu: float = WATTS_PER_CPU,
        *,
        cpu_seconds: Callable[[], float] = tree_cpu_seconds,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._watts = watts_per_cpu
        self._cpu_seconds, self._clock = cpu_seconds, clock

    def start(self) -> Window:
        """Open a window; windows may overlap, nothing is kept here."""
        return Window(self._clock(), self._cpu_seconds())

    def stop(self, token: Window) -> bench.Reading:
        """Close a window. CPU time that did not rise (a child's account was lost) makes it unavailable, never 0."""
        cpu_s = self._cpu_seconds() - token.cpu_s
        window_s = self._clock() - token.at_s
        if cpu_s <= 0:
            return bench.Reading.missing("J", "no CPU time was seen in the window: it is shorter than the clock's step")
        return self._reading(cpu_s, window_s)

    def _reading(self, cpu_s: float, window_s: float) -> bench.Reading:
        joules = cpu_s * self._watts
        return bench.Reading(
            unit="J",
            class_="estimated",
            value=joules,
            low=joules / FACTOR,
            high=joules * FACTOR,
            n=1,
            meter=KIND,
            facts={
                "kind": KIND,
                "meter_version": bench.__version__,
                "domains": [DOMAIN],
                "period_s": time.get_clock_info("process_time").resolution,
                "window_s": window_s,
                "n_windows": 1,
                "n_invalid": 0,
                # Only this process's own time is charged, whatever else the machine or its host did.
                "share": 1.0,
                "steal": None,
                "uncertainty": {"total_j": joules * (FACTOR - 1), "model_j": joules * (FACTOR - 1)},
                "cpu_s": cpu_s,
                "coefficients": {"watts_per_cpu": self._watts, "factor": FACTOR, "source": SOURCE},
            },
        )
