"""Windows in virtual time: ours and naive ones over one loop of work, against the truth."""

from __future__ import annotations

import random
from dataclasses import dataclass

from energy_sim import READ_S, TRACES, NoLoad, Step, VirtualClock, VirtualCounter, poll_j

from bench.measure.energy import CounterMeter

PERIODS_S = (0.001, 0.02, 0.1)
JITTER = 0.02
# What a read costs: a sysfs file, a slower driver, a management library (as seen).
READS_S = {0.001: READ_S, 0.02: 4.7e-5, 0.1: 9.1e-5}


@dataclass(frozen=True)
class Outcome:
    """Joules of one loop of work by several ways; `bound_j` is the stated uncertainty of ours.

    `naive_error` is the relative error of a plain difference of two reads over as long a loop begun at any moment.
    """

    truth_j: float
    ours_j: float
    bound_j: float
    naive_error: float
    polled_j: dict[float, float]

    def error(self, joules: float) -> float:
        """Return the relative error."""
        return abs(joules / self.truth_j - 1)


class Simulation:
    """One trace seen through one counter; the period is found once, as a meter does."""

    def __init__(self, trace: str, tau_s: float, seed: int, jitter: float = JITTER) -> None:
        self.draw = random.Random(f"{trace} {tau_s} {seed}")
        self.clock = VirtualClock(self.draw.uniform(1000, 1001))
        self.make = TRACES[trace]
        self.counter = VirtualCounter(
            self.clock,
            self.make(self.draw),
            tau_s,
            phase_s=self.draw.uniform(0, tau_s),
            jitter=jitter,
            cost_s=READS_S.get(tau_s, READ_S),
        )
        # The period is found under steady power, as it is before any work starts.
        self.meter = CounterMeter([self.counter], name="simulated", version="1", clock=self.clock, load=NoLoad())
        self.meter.periods()

    def window(self, seconds: float, inference_s: float, polls: tuple[float, ...] = ()) -> Outcome:
        """Work for that long in whole inferences and return what each way makes of it."""
        trace, clock = self.make(self.draw), self.clock
        self.counter.trace = trace
        clock.sleep_s(self.draw.uniform(0, 10 * self.counter.tau_s))
        token = self.meter.start()
        began_s = clock.now_s()
        if isinstance(trace, Step):
            trace.on_s = began_s
        while clock.now_s() - began_s < seconds:
            clock.sleep_s(inference_s)
            token = self.meter.guard(token)
        ended_s = clock.now_s()
        if isinstance(trace, Step):
            trace.off_s = ended_s
        reading = self.meter.stop(token)
        assert reading.value is not None, reading.reason
        scale = (ended_s - began_s) / reading.facts["window_s"]
        return Outcome(
            truth_j=trace.energy_j(ended_s) - trace.energy_j(began_s),
            ours_j=reading.value * scale,
            bound_j=reading.facts["uncertainty"]["total_j"] * scale,
            naive_error=self._naive_error(began_s, ended_s),
            polled_j={every: poll_j(trace, began_s, ended_s, every) for every in polls},
        )

    def _naive_error(self, began_s: float, ended_s: float) -> float:
        """Compare two reads with the truth: that work begins anywhere in a period, not on an edge as ours did."""
        shift, kept = self.draw.uniform(0, self.counter.tau_s), self.counter.trace
        began_s, ended_s = began_s + shift, ended_s + shift
        if isinstance(kept, Step):
            self.counter.trace = Step(began_s, ended_s)
        joules = self.counter.shown_j(ended_s) - self.counter.shown_j(began_s)
        truth_j = self.counter.trace.energy_j(ended_s) - self.counter.trace.energy_j(began_s)
        self.counter.trace = kept
        return abs(joules / truth_j - 1)
