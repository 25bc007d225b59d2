"""Meters for tests of the core: one that reads a counter from a file, and some that break their promises."""

from pathlib import Path

import bench


class File:
    """A counter of microjoules in a file."""

    name, domain, wrap_j, power_limit_w, quantum_j = "file", "package", None, 60.0, 1e-6

    def __init__(self, path):
        self.path = Path(path)

    def read_j(self):
        return int(self.path.read_text() or "x") * 1e-6 if self.path.exists() else self.gone()

    def gone(self):
        raise OSError(f"{self.path.name} is gone")


class Alone:
    """Nobody else works on this machine, whatever else it does while tests run."""

    def read(self):
        return None


@bench.meter("fed", facts={"class": "measured", "kind": "counter", "unit": "J", "serves": "cpu", "order": 1})
class Fed:
    """A counter file that another process feeds."""

    def __init__(self, path: str = "nowhere"):
        self.meter = bench.CounterMeter([File(path)], name="fed", version="1", load=Alone())
        self.available, self.window_s, self.period_s = self.meter.available, self.meter.window_s, self.meter.period_s
        self.start, self.guard, self.stop = self.meter.start, self.meter.guard, self.meter.stop


@bench.meter("silent", facts={"class": "measured", "kind": "counter", "unit": "J"})
class Silent:
    """Gives joules and nothing else."""

    def available(self):
        return None

    def start(self):
        return None

    def stop(self, token):
        return bench.Reading("J", "measured", 1.0, 0.9, 1.1, 1, "silent")


@bench.meter("breaks", facts={"class": "measured", "kind": "counter", "unit": "J"})
class Breaks(Silent):
    """Raises when a window is closed."""

    def stop(self, token):
        raise RuntimeError("the cable fell out")


@bench.meter("crashes", facts={"class": "measured", "kind": "counter", "unit": "J"})
class Crashes(Silent):
    """Takes its process down when it is asked."""

    def available(self):
        import os

        os._exit(5)
