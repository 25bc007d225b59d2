"""Joules from utilisation and design power: for display on a machine without sensors, never for a comparison.

Power is taken as a straight line from 0.12 of the design power when idle to 1.02 at full load. Of six models without
calibration it was the best on measured servers, and still half of its errors lie beyond a quarter: the true value is
within times or divided by 2.3. It charges this process with everything the machine does.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

import bench
from bench_power import DISPLAY_FACTOR as FACTOR
from bench_power.carbon import DesignPower, design_power

NAME = "utilisation"
IDLE, FULL = 0.12, 1.02  # of the design power
TICK_S = 0.01  # the step of the system's account of processor time, on Linux
DOMAIN = "processor packages, by utilisation"
SOURCE = "linear model, fitted to RAPL measurements by load in codecarbon's repository"
SHARED = "a virtual machine is charged with its whole processor package"


@dataclass(frozen=True)
class Usage:
    """Seconds that the machine's processors were busy, of all their seconds."""

    busy_s: float
    total_s: float


@dataclass(frozen=True)
class Window:
    """When a window was opened, and the account then."""

    at_s: float
    usage: Usage


def usage() -> Usage:
    """Return the machine's account since it was started. Time stolen by a hypervisor is not counted at all."""
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    busy_s = times.user + times.system + sum(getattr(times, name, 0.0) for name in ("nice", "irq", "softirq"))
    return Usage(busy_s, busy_s + idle_s)


def packages(topology: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return the number of processor packages; 1 where nothing tells."""
    ids = set()
    for each in topology.glob("cpu[0-9]*/topology/physical_package_id"):
        try:
            ids.add(each.read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            continue
    return max(1, len(ids))


def of_this_machine(tdp_w: float | None = None) -> UtilisationMeter:
    """Return the meter of the processor that this runs on."""
    lines = _cpuinfo().splitlines()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    virtual = any(line.startswith("flags") and " hypervisor" in line for line in lines)
    return UtilisationMeter(
        tdp_w, processor=next(named, platform.processor()), virtual=virtual, n_packages=packages()
    )  # fmt: skip


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class UtilisationMeter:
    """Estimates joules of all packages; `tdp_w` is the design power of one, None looks it up by the processor."""

    def __init__(
        self,
        tdp_w: float | None = None,
        *,
        processor: str = "",
        virtual: bool = False,
        n_packages: int = 1,
        read: Callable[[], Usage] = usage,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._given_w, self._processor, self._virtual = tdp_w, processor, virtual
        self._packages, self._read, self._clock = n_packages, read, clock

    def available(self) -> str | None:
        """Return None when the design power is known, else the reason and the cure."""
        try:
            return None if self._design() else self._unknown()
        except bench.BenchError as error:
            return str(error)

    def start(self) -> Window:
        """Open a window; windows may overlap, nothing is kept here."""
        return Window(self._clock(), self._read())

    def stop(self, token: Window) -> bench.Reading:
        """Close a window. An account that did not move makes it unavailable, never 0."""
        now, window_s = self._read(), self._clock() - token.at_s
        total_s = now.total_s - token.usage.total_s
        try:
            design = self._design()
        except bench.BenchError as error:
            return bench.Reading.missing("J", str(error))
        if design is None:
            return bench.Reading.missing("J", self._unknown())
        if total_s <= 0 or window_s <= 0:
            return bench.Reading.missing("J", "the window is shorter than the system's account of processor time")
        busy = min(1.0, max(0.0, (now.busy_s - token.usage.busy_s) / total_s))
        return self._reading(design, busy, window_s)

    def _design(self) -> DesignPower | None:
        if self._given_w is not None:
            return DesignPower(self._given_w, self._processor, "given")
        return design_power(self._processor)

    def _unknown(self) -> str:
        return f"no table has the design power of {self._processor[:60]!r}: give tdp_w (watts of one package)"

    def _reading(self, design: DesignPower, busy: float, window_s: float) -> bench.Reading:
        joules = self._packages * design.watts * (IDLE + (FULL - IDLE) * busy) * window_s
        return bench.Reading(
            unit="J",
            class_="estimated",
            value=joules,
            low=joules / FACTOR,
            high=joules * FACTOR,
            n=1,
            meter=NAME,
            verdict="suspect" if self._virtual else "valid",
            reasons=(SHARED,) if self._virtual else (),
            facts={
                "kind": NAME,
                "meter_version": bench.__version__,
                "domains": [DOMAIN],
                "period_s": TICK_S,
                "window_s": window_s,
                "n_windows": 1,
                "n_invalid": 0,
                "share": None,
                "steal": None,
                "uncertainty": {"total_j": joules * (FACTOR - 1), "model_j": joules * (FACTOR - 1)},
                "for": "display",
                "utilisation": busy,
                "coefficients": {
                    "tdp_w": design.watts,
                    "tdp_of": design.name,
                    "tdp_source": design.source,
                    "packages": self._packages,
                    "idle": IDLE,
                    "full": FULL,
                    "factor": FACTOR,
                    "source": SOURCE,
                },
            },
        )
