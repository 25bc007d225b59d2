"""Run by test_power_nvml.py against the stub, where LD_LIBRARY_PATH points to it: prints windows as JSON.

python nvml_windows.py counter|samples|look|card|whole|zeus [SECONDS or CUDA's number ...]
"""

import json
import math
import mmap
import os
import struct
import sys
from pathlib import Path

from bench_power.nvml import NvmlMeter, cards

SPIN_S = 2e-5


class MovedClock:
    """Time in a file that the stub reads too; looking at it costs 20 us."""

    def __init__(self, path):
        self._page = mmap.mmap(os.open(path, os.O_RDWR), 8)
        self.now = struct.unpack("d", self._page[:])[0]

    def now_s(self):
        self.sleep_s(SPIN_S)
        return self.now

    def wall_s(self):
        return self.now

    def sleep_s(self, seconds):
        self.now += seconds
        self._page[:] = struct.pack("d", self.now)


def energy_j(t):
    if os.environ.get("BENCH_STUB_TRACE") != "bursts":
        return 250 * t
    k, rest = divmod(t, 0.05)
    return 60 * t + 340 * (k * 0.005 + min(rest, 0.005))


def counter(meter, clock, seconds):
    """One window over work of so many seconds, at an odd phase; the truth is that of the work."""
    clock.sleep_s(math.pi * 0.01)
    token = meter.start()
    began = clock.now
    clock.sleep_s(seconds)
    truth = energy_j(clock.now) - energy_j(began)
    ended = clock.now
    return {**meter.stop(token).to_json(), "truth_w": truth / (ended - began)}


def samples(source, clock, seconds):
    """One window of sampled power, polled here in the stub's time."""
    from bench.measure.energy.polling import poll
    from bench.measure.energy.samples import Samples

    opened = []

    def wait(pause):
        clock.sleep_s(min(pause, opened[0] + seconds - clock.now))
        return clock.now >= opened[0] + seconds - SPIN_S

    rows = poll(source.sources, clock, wait, interval_s=0.1, seed=1, ready=lambda: opened.append(clock.now))
    reading = source.reading(Samples.of(rows), opened[0], opened[0] + seconds)
    return {**reading.to_json(), "truth_w": (energy_j(opened[0] + seconds) - energy_j(opened[0])) / seconds}


def main(asked, *seconds):
    clock = MovedClock(Path(os.environ["BENCH_STUB_CLOCK"]))
    meter = NvmlMeter(clock=clock)
    if asked == "look":
        reason = meter.available()
        found = cards() if reason is None else None
        facts = found and {"energy": len(found.energy), "power": len(found.power), "driver": found.driver}
        return {"reason": reason, "cards": facts, "ninth": NvmlMeter(device=9).available()}
    if asked == "card":
        (number,) = seconds
        chosen = NvmlMeter(clock=clock, cuda=int(number))
        reason = chosen.available()
        return {"reason": reason} if reason else counter(chosen, clock, 1.0)
    if asked == "zeus":
        from bench_power.zeus import ZeusMeter

        theirs = ZeusMeter("gpu", clock=clock).meter()
        kind = type(theirs).__name__
        return {"made": kind, **(counter(theirs, clock, 1.0) if kind == "CounterMeter" else {})}
    if asked == "whole":
        return counter(meter, clock, 1.0)
    run = {"counter": counter, "samples": samples}[asked]
    return [run(meter.meter(), clock, float(each)) for each in seconds]


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
