"""Powercap trees as machines have them, with counters that run on a virtual clock."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

INTEL_RANGE_UJ, AMD_RANGE_UJ = 262_143_328_850, 65_532_610_987
TAU_S = 1e-3


@dataclass
class Clock:
    time_s: float = 5000.0

    def now_s(self):
        return self.time_s

    def wall_s(self):
        return self.time_s

    def sleep_s(self, seconds):
        self.time_s += max(0.0, seconds)


class NoLoad:
    def read(self):
        return None


@dataclass
class Tree:
    """`zones`: place -> (name, watts, joules at second 0). `twin` names a place whose counter a place shows."""

    root: Path
    zones: dict = field(default_factory=dict)
    range_uj: int = INTEL_RANGE_UJ
    limit_w: float | None = 150.0
    twins: dict = field(default_factory=dict)
    locked: tuple = ()
    clock: Clock = field(default_factory=Clock)

    def write(self):
        """Write the tree flat, as /sys/class/powercap shows it, with the folders of the control types."""
        for place, (name, _, _) in self.zones.items():
            (self.root / place.partition(":")[0]).mkdir(parents=True, exist_ok=True)
            zone = self.root / place
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")
            (zone / "energy_uj").write_text(f"{self.energy_uj(place)}\n")
            (zone / "max_energy_range_uj").write_text(f"{self.range_uj}\n")
            if self.limit_w and name.startswith("package"):
                (zone / "constraint_0_name").write_text("long_term\n")
                (zone / "constraint_0_power_limit_uw").write_text(f"{self.limit_w * 0.8e6:.0f}\n")
                (zone / "constraint_1_name").write_text("short_term\n")
                (zone / "constraint_1_power_limit_uw").write_text(f"{self.limit_w * 1e6:.0f}\n")
        return self

    def energy_uj(self, place):
        place = self.twins.get(place, place)
        _, watts, before = self.zones[place]
        phase = (sum(map(ord, place)) % 7) * 1e-4
        updated = math.floor((self.clock.time_s - phase) / TAU_S) * TAU_S + phase
        return int((before + watts * updated) * 1e6) % (self.range_uj + 1)

    def read(self, path):
        """Stand in for reading `energy_uj`: a read takes 20 µs, and the file shows the clock's moment."""
        place = path.parent.name
        assert path.name == "energy_uj"
        if place in self.locked:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        self.clock.time_s += 1e-5
        value = float(self.energy_uj(place))
        self.clock.time_s += 1e-5
        return value


PACKAGE = {"intel-rapl:0": ("package-0", 50.0, 100.0), "intel-rapl:0:0": ("core", 30.0, 50.0)}
UNCORE, DRAM = {"intel-rapl:0:1": ("uncore", 3.0, 7.0)}, {"intel-rapl:0:2": ("dram", 5.0, 9.0)}
PSYS = {"intel-rapl:1": ("psys", 80.0, 300.0)}
SOCKETS = {
    "intel-rapl:0": ("package-0", 100.0, 10.0),
    "intel-rapl:0:0": ("dram", 12.0, 20.0),
    "intel-rapl:1": ("package-1", 90.0, 30.0),
    "intel-rapl:1:0": ("dram", 11.0, 40.0),
}
DIES = {
    "intel-rapl:0": ("package-0-die-0", 60.0, 10.0),
    "intel-rapl:0:0": ("dram", 6.0, 20.0),
    "intel-rapl:1": ("package-0-die-1", 55.0, 4000.0),
    "intel-rapl:1:0": ("dram", 5.0, 5000.0),
}
MIRRORED = {
    "intel-rapl:0": ("package-0-die-0", 60.0, 10.0),
    "intel-rapl:1": ("package-0-die-1", 60.0, 10.0),
    "intel-rapl:2": ("package-1-die-0", 40.0, 70.0),
}
AMD = {"intel-rapl:0": ("package-0", 65.0, 11.0), "intel-rapl:0:0": ("core", 20.0, 3.0)}
MMIO = {"intel-rapl-mmio:0": ("package-0", 50.0, 100.0)}


def client(root):
    return Tree(root, PACKAGE | UNCORE | DRAM | PSYS).write()


def two_sockets(root):
    return Tree(root, SOCKETS).write()


def dies(root):
    return Tree(root, DIES).write()


def mirrored_dies(root):
    return Tree(root, MIRRORED, twins={"intel-rapl:1": "intel-rapl:0"}).write()


def amd(root):
    return Tree(root, AMD, range_uj=AMD_RANGE_UJ, limit_w=None).write()


def mmio_duplicate(root):
    return Tree(root, PACKAGE | MMIO, twins={"intel-rapl-mmio:0": "intel-rapl:0"}).write()


def unreadable(root):
    return Tree(root, PACKAGE | PSYS, locked=("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1")).write()


def container(root):
    """A container's view: the links are there, what they point to is masked by an empty file system."""
    (root / "intel-rapl").mkdir(parents=True)
    (root / "intel-rapl:0").symlink_to(root / "masked" / "intel-rapl:0")
    return Tree(root, {})
