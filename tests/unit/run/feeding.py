"""A powercap tree whose counter another process feeds with constant watts, as a kernel would.

In this process it can be read without that process: then nothing depends on when the system lets it run.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench_power.sysfs_files import read_number

WATTS, LIMIT_W, TAU_S = 40.0, 60.0, 0.01
# Written in place and of constant length, so that the file shows a whole number at every moment.
FEEDER = """
import os, sys, time
path, watts, tau = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
handle, parent, began, step = os.open(path, os.O_WRONLY), os.getppid(), time.perf_counter(), 0
while os.getppid() == parent:
    os.pwrite(handle, b"%020d" % int((1000.0 + watts * (time.perf_counter() - began)) * 1e6), 0)
    step = max(step + 1, int((time.perf_counter() - began) / tau) + 1)
    time.sleep(max(0.0, began + step * tau - time.perf_counter()))
"""


@dataclass
class Fed:
    """The tree, its counter's file and the process that feeds it."""

    root: Path
    file: Path
    process: subprocess.Popen[bytes]
    began_s: float = field(default_factory=time.perf_counter)
    stopped_s: float | None = None

    def read(self, path: Path) -> float:
        """Return a file's number; the counter's is that of constant watts, renewed every TAU_S."""
        if path.name != "energy_uj":
            return read_number(path)
        now = time.perf_counter() if self.stopped_s is None else self.stopped_s
        return (1000.0 + WATTS * TAU_S * ((now - self.began_s) // TAU_S)) * 1e6

    def stop(self) -> None:
        """Let the counter stand still."""
        self.stopped_s = time.perf_counter()
        self.process.kill()
        self.process.wait()


@contextmanager
def fed(root: Path) -> Iterator[Fed]:
    """Make a tree of one package and feed it for as long as the block lasts."""
    zone = root / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text("262143328850\n")
    (zone / "constraint_0_power_limit_uw").write_text(f"{LIMIT_W * 1e6:.0f}\n")
    file = zone / "energy_uj"
    file.write_text(f"{0:020d}")
    command = [sys.executable, "-c", FEEDER, str(file), str(WATTS), str(TAU_S)]
    made = Fed(root, file, subprocess.Popen(command))
    try:
        while int(file.read_text() or 0) == 0:
            time.sleep(0.01)
        yield made
    finally:
        made.stop()
