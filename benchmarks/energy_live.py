"""Real time: a counter file fed by another process, read by the meter, compared with what was fed in."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from energy_sim import LIMIT_W, Bursts, NoLoad, Step, Trace

from bench.measure.energy import CounterMeter, SystemClock

PERIODS_S = (0.001, 0.1)
LENGTHS_S = {0.1: 10, 1.0: 3}
INFERENCE_S = 0.002
TRACES: dict[str, Trace] = {"steady": Step(on_s=0.0), "bursts": Bursts()}
DIGITS = 20
# Written in place, so that the file shows a whole number at every moment.
FEEDER = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from energy_live import TRACES, DIGITS
trace, tau = TRACES[sys.argv[3]], float(sys.argv[4])
handle = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
began, step, parent = time.perf_counter(), 0, os.getppid()
while os.getppid() == parent:
    os.pwrite(handle, b"%0*d" % (DIGITS, int(trace.energy_j(time.perf_counter()) * 1e6)), 0)
    step = max(step + 1, int((time.perf_counter() - began) / tau) + 1)
    time.sleep(max(0.0, began + step * tau - time.perf_counter()))
"""


@dataclass
class FileCounter:
    """A counter of microjoules in a file."""

    path: Path
    name: str = "file"
    domain: str = "package"
    wrap_j: float | None = None
    power_limit_w: float | None = LIMIT_W
    quantum_j: float = 1e-6

    def read_j(self) -> float:
        """Return joules. Raises OSError for half a number."""
        text = self.path.read_bytes()
        if len(text) != DIGITS:
            raise OSError("half a number")
        return int(text) * 1e-6


@dataclass(frozen=True)
class Live:
    """One window: joules off, the stated bound, and both relative to the truth; None where the window is invalid."""

    error_j: float | None
    bound_j: float | None
    truth_j: float


@contextmanager
def fed(trace: str, tau_s: float) -> Iterator[FileCounter]:
    """Feed a counter file from another process for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "energy_uj"
        here = str(Path(__file__).resolve().parent)
        child = subprocess.Popen([sys.executable, "-c", FEEDER, here, str(path), trace, str(tau_s)])
        try:
            while not (path.exists() and path.stat().st_size == DIGITS):
                time.sleep(0.01)
            yield FileCounter(path)
        finally:
            child.terminate()
            child.wait()


def window(meter: CounterMeter, trace: Trace, seconds: float) -> Live:
    """Work (sleep) in whole inferences for that long and compare."""
    token = meter.start()
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        time.sleep(INFERENCE_S)
        token = meter.guard(token)
    ended_s = time.perf_counter()
    reading = meter.stop(token)
    truth = trace.energy_j(ended_s) - trace.energy_j(began_s)
    if reading.value is None:
        return Live(None, None, truth)
    scale = (ended_s - began_s) / reading.facts["window_s"]
    return Live(abs(reading.value * scale - truth), reading.facts["uncertainty"]["total_j"] * scale, truth)


def live_windows() -> dict[tuple[str, float, float], list[Live]]:
    """Return the windows of every trace, period and length; about half a minute."""
    found = {}
    for name, trace in TRACES.items():
        for tau_s in PERIODS_S:
            with fed(name, tau_s) as counter:
                meter = CounterMeter([counter], name="file", version="1", clock=SystemClock(), load=NoLoad())
                for seconds, n in LENGTHS_S.items():
                    found[name, tau_s, seconds] = [window(meter, trace, seconds) for _ in range(n)]
    return found
