"""Whose work a window saw: this process's share of the machine's busy time, and time stolen by the hypervisor."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.reading import Reading

# Others' busy time up to which a package's joules stay measured, and beyond which even a share of them says nothing.
ALONE, CROWDED = 0.02, 0.30
# The system's account of the machine goes in ticks of 10 ms; over less busy time than this they would decide.
SHORT_S, ROUNDING_S = 0.5, 0.02
# Fields of the line "cpu" in /proc/stat (proc_stat(5)); guest time is already part of user time.
USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL = range(8)


@dataclass(frozen=True)
class Load:
    """Seconds since boot: the machine's busy, stolen and total processor time, and this process's own."""

    busy_s: float
    stolen_s: float
    total_s: float
    own_s: float


class LoadProbe(Protocol):
    """Reads the load; None where nothing tells."""

    def read(self) -> Load | None:
        """Return the present account."""


class ProcLoad:
    """Linux's account in /proc/stat, and this process with its ended children."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._stat = root / "stat"
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01

    def read(self) -> Load | None:
        """Return the present account, None where there is none."""
        try:
            first = self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()
            ticks = [int(each) * self._tick_s for each in first[1:9]]
            busy = ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFTIRQ]
            total = busy + ticks[IDLE] + ticks[IOWAIT] + ticks[STEAL]
            ended = os.times()
            own = time.process_time() + ended.children_user + ended.children_system
            return Load(busy, ticks[STEAL], total, own)
        except (OSError, ValueError, IndexError):
            return None


def shares(first: Load | None, last: Load | None) -> dict[str, float | None]:
    """Return `share` (this process's part of the busy time, 1 = alone) and `steal` (of all processor time).

    Of a short window the share is not known, only that it lies between `share_low` and `share_high`.
    """
    if first is None or last is None:
        return {"share": None, "steal": None}
    busy, total, own = last.busy_s - first.busy_s, last.total_s - first.total_s, last.own_s - first.own_s
    steal = (last.stolen_s - first.stolen_s) / total if total > 0 else None
    if max(busy, own) >= SHORT_S:
        return {"share": min(1.0, own / busy) if busy > 0 else None, "steal": steal}
    if own <= 0:
        return {"share": None, "steal": steal}
    least, most = (own + max(0.0, busy - own + error) for error in (-ROUNDING_S, ROUNDING_S))
    return {"share": None, "share_low": own / most, "share_high": own / least, "steal": steal}


def by_share(reading: Reading) -> Reading:
    """Return what this process answers for of a shared package's joules.

    Others' busy time up to 2 %: the reading stays measured. Up to 30 %: derived, times the share, its interval
    reaching from the value with others' work at no cost to the whole. Above: unavailable. Without a share nothing is
    changed; of a short window, whose share is known to within ticks only, the interval holds the least that it may be.
    """
    share, low_share = reading.facts.get("share"), reading.facts.get("share_low")
    if reading.value is None or (share is None and low_share is None) or (share is not None and share >= 1 - ALONE):
        return reading
    if share is None:
        share = reading.facts["share_high"]
    if share < 1 - CROWDED:
        why = f"others did {1 - share:.0%} of the machine's work in the window (more than {CROWDED:.0%}): stop them"
        return replace(
            reading, class_="unavailable", value=None, low=None, high=None, reason=why, verdict="invalid",
            reasons=(why,),
        )  # fmt: skip
    low = reading.low if reading.low is not None else reading.value
    least = share if low_share is None else low_share
    return replace(reading, class_="derived", value=reading.value * share, low=low * least, high=reading.high)
