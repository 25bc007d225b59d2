"""Processor energy counters through Linux's powercap tree (RAPL of Intel and AMD), every domain counted once.

Sources: Documentation/power/powercap/powercap.rst and drivers/powercap/intel_rapl_common.c of Linux; Intel SDM vol. 3,
"RAPL Interfaces": the package domain holds core and uncore, the platform domain (psys) holds the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench
from bench_power.powercap_zones import ROOT, Node, classified, found
from bench_power.sysfs_files import maybe_number, read_number

NAME = "powercap"
UJ = 1e-6
# 2^-14 J, the usual step of RAPL; the platform domain of some servers counts whole joules (intel_rapl_common.c).
QUANTUM_J, PLATFORM_QUANTUM_J = 2.0**-14, 1.0
# Limits above this are a firmware's way of saying "none".
NO_LIMIT_W = 1000.0
HEADLINE = ("package", "dram")
CURE = (
    "Linux lets root alone read it since 5.10. To let the group `energy` read it, put into "
    "/etc/udev/rules.d/70-rapl.rules the line\n"
    '  SUBSYSTEM=="powercap", KERNEL=="*:*", ACTION=="add|change", '
    'RUN+="/usr/bin/chgrp energy %S%p/energy_uj", RUN+="/usr/bin/chmod g+r %S%p/energy_uj"\n'
    "then: sudo groupadd --system energy; sudo usermod -aG energy $USER; sudo udevadm control --reload; "
    "sudo udevadm trigger --subsystem-match=powercap; and log in again"
)
ABSENT = (
    "no processor energy counter under {root}: virtual machines have none, and containers hide it "
    "(docker: --security-opt systempaths=unconfined; on bare metal: sudo modprobe intel_rapl_msr)"
)


class PowercapSource:
    """One zone's counter. The range is `max_energy_range_uj` and one step, as the raw counter has it."""

    calibration = 0.0

    def __init__(self, node: Node, domain: str, read: Callable[[Path], float] = read_number) -> None:
        self.name, self.domain = node.label, domain
        self._file, self._read = node.path / "energy_uj", read
        self.quantum_j = PLATFORM_QUANTUM_J if domain == "platform" else QUANTUM_J
        top = maybe_number(node.path / "max_energy_range_uj")
        self.wrap_j = top * UJ + QUANTUM_J if top else None
        self.power_limit_w = _limit_w(node.path) or (_limit_w(node.parent) if node.parent else None)

    def read_j(self) -> float:
        """Return the raw counter in joules. Raises OSError."""
        return self._read(self._file) * UJ


def _limit_w(path: Path) -> float | None:
    """Return the greatest power limit of a zone in watts, None where none is stated."""
    limits = [maybe_number(each) or 0.0 for each in path.glob("constraint_*_power_limit_uw")]
    most = max(limits, default=0.0) * UJ
    return most if 0 < most <= NO_LIMIT_W else None


class PowercapMeter:
    """Packages and memory summed, the platform apart, nothing twice.

    `root` is a tree like /sys/class/powercap; `clock` and `load` are for tests, `read` returns a file's number.
    """

    def __init__(
        self,
        root: Path = ROOT,
        *,
        clock: Any = None,
        load: Any = None,
        read: Callable[[Path], float] = read_number,
    ) -> None:
        self.root = Path(root)
        judged = classified(found(self.root), read)
        self._zones = tuple(zone for _, zone in judged)
        used = [PowercapSource(node, zone.domain, read) for node, zone in judged if zone.role in ("summed", "apart")]
        domains = {each.domain for each in used}
        headline = [each for each in HEADLINE if each in domains] if "package" in domains else sorted(domains)
        self.meter = bench.CounterMeter(
            used, name=NAME, version=bench.__version__, headline=headline, clock=clock, load=load
        )

    def describe(self) -> tuple[bench.Zone, ...]:
        """Return every zone of the tree, what is made of it and why."""
        return self._zones

    def available(self) -> str | None:
        """Return None when every needed zone can be read, else the reason and the cure."""
        if not self._zones:
            return ABSENT.format(root=self.root)
        return self._missing() or self.meter.available()

    def period_s(self) -> float:
        """Return the counters' update period in seconds."""
        return self.meter.period_s()

    def window_s(self, precision: float, mean_w: float | None = None) -> float:
        """Return the seconds a window must last for that relative precision."""
        return self.meter.window_s(precision, mean_w)

    def start(self) -> Any:
        """Open a window at an edge of the counters."""
        return self.meter.start()

    def guard(self, token: Any) -> Any:
        """Return the token with a guard read where one is due."""
        return self.meter.guard(token)

    def stop(self, token: Any) -> bench.Reading:
        """Close the window and return its joules. A zone that is needed and unreadable makes it unavailable."""
        why = self._missing()
        return bench.Reading.missing("J", why) if why else self.meter.stop(token)

    def _missing(self) -> str | None:
        """Return why a part of the headline is missing; a platform zone beside readable packages is none."""
        lost = [each for each in self._zones if each.role == "unreadable"]
        needed = [each for each in lost if each.domain in HEADLINE or not self.meter.sources]
        return next((f"{each.name}: {each.why}" for each in needed), None)
