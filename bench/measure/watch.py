"""The watch over a launch: what else the machine did while the blocks ran, as its kernel accounts for it.

Read once before the rounds of a launch and once after, never inside a block. Where a file is missing (another system,
a container, a virtual machine without frequency scaling) its key is left out: not seen is not the same as zero.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import cgroup_quota
from bench.measure.cpu import cpu_seconds
from bench.measure.energy.sharing import IDLE, IOWAIT, IRQ, NICE, SOFTIRQ, STEAL, SYSTEM, USER

# Of /proc/<pid>/stat after the name in parentheses (proc_pid_stat(5)): user, system, and those of ended children.
OWN_TIMES = slice(11, 15)


BUSY = (USER, NICE, SYSTEM, IRQ, SOFTIRQ)


@dataclass(frozen=True)
class Cores:
    """Processor seconds since boot of the cores we may use, and our own of them."""

    total_s: float
    busy_s: float
    steal_s: float
    own_s: float


@dataclass(frozen=True)
class Look:
    """The accounts at one moment: seconds and counts since boot, clock frequency now; None where nothing tells."""

    at_s: float
    cores: Cores | None
    pressure_s: float | None
    throttled_s: float | None
    thermal_events: int | None
    frequency_hz: float | None


class Watch:
    """Looks at the machine twice and says what happened in between."""

    def __init__(self, processes: Iterable[int] = (), root: Path = Path("/")) -> None:
        """Watch; these processes are ours, as this one is. `root` holds proc and sys."""
        self._processes, self._root = tuple(processes), root
        self._usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
        self._first = self._look()

    def ended(self) -> dict[str, Any]:
        """Return what happened since the watch began, JSON-able.

        `seconds`, then in processor seconds of the cores we may use `total_s`, `busy_s`, `others_s` (busy, and not for
        us) and `steal_s`; `pressure_s` in which some process waited for a processor; `throttled_s` in which a quota
        held us back; `thermal_events`; `frequency_hz` now; `cores` we may use and their `quota`.
        """
        first, last = self._first, self._look()
        found: dict[str, Any] = {"seconds": last.at_s - first.at_s, "cores": len(self._usable)}
        if first.cores and last.cores:
            for name in ("total_s", "busy_s", "steal_s"):
                found[name] = getattr(last.cores, name) - getattr(first.cores, name)
            found["others_s"] = max(found["busy_s"] - (last.cores.own_s - first.cores.own_s), 0.0)
        for name in ("pressure_s", "throttled_s", "thermal_events"):
            before, after = getattr(first, name), getattr(last, name)
            if before is not None and after is not None:
                found[name] = after - before
        now = {"frequency_hz": last.frequency_hz, "quota": cgroup_quota()}
        return found | {name: value for name, value in now.items() if value is not None}

    def _look(self) -> Look:
        proc, system = self._root / "proc", self._root / "sys"
        return Look(
            time.perf_counter(),
            self._cores(proc),
            _pressure_s(proc),
            _throttled_s(system),
            _thermal(system),
            _frequency(system),
        )

    def _cores(self, proc: Path) -> Cores | None:
        """Add up the lines of /proc/stat of the cores we may use: elsewhere others are welcome to work."""
        lines = [each.split() for each in (_read(proc / "stat") or "").splitlines()]
        wanted = {f"cpu{each}" for each in self._usable}
        ticks = [list(map(int, each[1:9])) for each in lines if len(each) > 8 and each[0] in wanted]
        if not ticks:
            return None
        tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        sums = [sum(each) * tick_s for each in zip(*ticks, strict=True)]
        busy = sum(sums[each] for each in BUSY)
        own = cpu_seconds() + sum(_process_s(proc, each) for each in self._processes)
        return Cores(busy + sums[IDLE] + sums[IOWAIT] + sums[STEAL], busy, sums[STEAL], own)


def process_ids(workers: Mapping[str, object]) -> list[int]:
    """Return the process ids of workers that are processes of their own, and of programs that those started."""
    found = (getattr(each, "pid", None) for each in workers.values())
    own = [each for each in found if isinstance(each, int)]
    return [*own, *(child for each in own for child in _started_by(each))]


def _started_by(process: int) -> list[int]:
    import psutil

    try:
        return [each.pid for each in psutil.Process(process).children(recursive=True)]
    except psutil.Error:  # it has ended: its worker's answer will say so
        return []


def _process_s(proc: Path, process: int) -> float:
    """Return processor seconds of a process with its ended children, 0 for one that is gone."""
    text = _read(proc / str(process) / "stat")
    ticks = text.rpartition(")")[2].split()[OWN_TIMES] if text else []
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") if ticks else 0.0


def _pressure_s(proc: Path) -> float | None:
    """Return seconds in which some process was kept waiting for a processor (the kernel's PSI)."""
    text = _read(proc / "pressure" / "cpu")
    total = next((each for each in text.split("\n")[0].split() if each.startswith("total=")), None) if text else None
    return int(total[6:]) / 1e6 if total else None


def _throttled_s(system: Path) -> float | None:
    """Return seconds in which the quota of this cgroup held its processes back."""
    lines = (_read(system / "fs" / "cgroup" / "cpu.stat") or "").splitlines()
    found = next((each.split()[1] for each in lines if each.startswith("throttled_usec ")), None)
    return int(found) / 1e6 if found else None


def _thermal(system: Path) -> int | None:
    """Return how often cores were slowed down for heat; Intel's counters, others have none."""
    counters = (system / "devices" / "system" / "cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [int(text) for each in counters if (text := _read(each)) and text.isdigit()]
    return sum(counts) if counts else None


def _frequency(system: Path) -> float | None:
    """Return the clock of the fastest core now: the one that just worked; the others may be asleep."""
    files = (system / "devices" / "system" / "cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
    kilohertz = [int(text) for each in files if (text := _read(each)) and text.isdigit()]
    return max(kilohertz) * 1e3 if kilohertz else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
