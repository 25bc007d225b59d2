"""Placement: which processor cores a block may run on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def cores() -> list[int]:
    """Return the cores this process may use, the fastest kind where kinds differ; empty where nothing tells."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    capacities = {core: _capacity(core) for core in usable}
    return [core for core in usable if capacities[core] == max(capacities.values())]


def _capacity(core: int) -> int:
    try:
        return int(Path(f"/sys/devices/system/cpu/cpu{core}/cpu_capacity").read_text())
    except (OSError, ValueError):
        return 0


def pin(core: int | None) -> None:
    """Pin every thread of this process to one core; None leaves it alone."""
    if core is not None:
        allow({core})


def allow(allowed: set[int]) -> None:
    """Let every thread of this process run on these cores only.

    Threads that a runtime started earlier keep their own mask, so each is set.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - thousands of calls, names only
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), allowed)
