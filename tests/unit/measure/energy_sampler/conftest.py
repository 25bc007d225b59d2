"""A virtual clock, power traces with a known energy, and a sampler that runs on both."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from bench.measure.energy.polling import poll
from bench.measure.energy.sampler import SampledMeter
from bench.measure.energy.samples import Samples


@dataclass
class VirtualClock:
    """Time that only moves when someone waits or reads; a wake-up is late by up to `late_s`."""

    now: float = 1000.0
    late_s: float = 1e-3
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def now_s(self):
        self.now += 2e-5
        return self.now

    def wall_s(self):
        return self.now

    def sleep_s(self, seconds):
        self.now += seconds + self.rng.uniform(0, self.late_s)


class Constant:
    def power(self, t):
        return 60.0

    def energy(self, t):
        return 60.0 * t


@dataclass
class Step:
    """20 W, and 120 W between two times."""

    begin: float
    end: float

    def power(self, t):
        return 120.0 if self.begin <= t < self.end else 20.0

    def energy(self, t):
        return 20 * t + 100 * (min(max(t, self.begin), self.end) - self.begin)


@dataclass
class Sine:
    """70 W plus 50 W at 7.31 Hz."""

    phase: float
    hertz: float = 7.31

    def power(self, t):
        return 70 + 50 * math.sin(2 * math.pi * self.hertz * t + self.phase)

    def energy(self, t):
        turn = 2 * math.pi * self.hertz
        return 70 * t - 50 / turn * math.cos(turn * t + self.phase)


@dataclass
class Bursts:
    """5 ms of 200 W every 50 ms over 20 W: in step with any poller of 100 ms that has no jitter."""

    phase: float

    def power(self, t):
        return 200.0 if (t + self.phase) % 0.05 < 0.005 else 20.0

    def energy(self, t):
        k, rest = divmod(t + self.phase, 0.05)
        return 20 * t + 180 * (k * 0.005 + min(rest, 0.005))


@dataclass
class TraceSource:
    """A sensor of a trace."""

    trace: object
    clock: VirtualClock
    name: str = "trace"
    domain: str = "gpu:0"
    power_limit_w: float | None = 250.0
    update_s: float = 0.0

    def read_w(self):
        return self.trace.power(self.clock.now)


@dataclass
class Sampled:
    """What a virtual window gave."""

    meter: SampledMeter
    samples: Samples
    start_s: float
    stop_s: float
    truth_j: float

    def reading(self):
        return self.meter.reading(self.samples, self.start_s, self.stop_s)


@pytest.fixture
def sampled():
    """Run a virtual window of `window_s` over `make(start_s)`, a trace."""

    def run(make, *, window_s=30.0, rate_hz=10.0, seed=0, **source_options):
        clock = VirtualClock(rng=np.random.default_rng(seed))
        source = TraceSource(None, clock, **source_options)
        bounds = []

        def ready():
            bounds.append(clock.now)
            source.trace = make(clock.now)

        source.trace = Constant()  # before the window opens

        def wait(seconds):
            stop_s = bounds[0] + window_s
            if clock.now + seconds >= stop_s:
                clock.now = stop_s
                return True
            clock.sleep_s(seconds)
            return False

        rows = poll([source], clock, wait, interval_s=1 / rate_hz, seed=seed, ready=ready)
        start_s, stop_s = bounds[0], bounds[0] + window_s
        truth = source.trace.energy(stop_s) - source.trace.energy(start_s)
        meter = SampledMeter([source], name="trace", version="1", rate_hz=rate_hz, clock=clock, seed=seed)
        return Sampled(meter, Samples.of(rows), start_s, stop_s, truth)

    return run


@pytest.fixture
def traces():
    """Makers of traces by name; a phase or a delay drawn from the seed."""

    def make(name, seed):
        draw = np.random.default_rng(seed)
        phase = draw.uniform(0, 6.28)
        return {
            "constant": lambda start: Constant(),
            "step": lambda start: Step(start, start + 30.0),
            "step-inside": lambda start: Step(start + 4 + phase, start + 15 + phase),
            "sine": lambda start: Sine(phase),
            "slow-sine": lambda start: Sine(phase, 0.31),
            "bursts": lambda start: Bursts(phase),
        }[name]

    return make
