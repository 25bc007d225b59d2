"""Windows in virtual time: ours and naive ones over one loop of work, against the truth."""

from __future__ import annotations

import random
from dataclasses import dataclass

from energy_sim import TRACES, NoLoad, Step, VirtualClock, VirtualCounter, poll_j

from bench.measure.energy import CounterMeter

PERIODS_S = (0.001, 0.02, 0.1)
JITTER = 0.02


@dataclass(frozen=True)
class Outcome:
    """Joules of one loop of work by several ways; `bound_j` is the stated uncertainty of ours."""

    truth_j: float
    ours_j: float
    bound_j: float
    naive_j: float
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
            self.clock, self.make(self.draw), tau_s, phase_s=self.draw.uniform(0, tau_s), jitter=jitter
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
        before_j = self.counter.shown_j(began_s)
        while clock.now_s() - began_s < seconds:
            clock.sleep_s(inference_s)
            token = self.meter.guard(token)
        ended_s = clock.now_s()
        if isinstance(trace, Step):
            trace.off_s = ended_s
        naive_j = self._naive(began_s, ended_s) if isinstance(trace, Step) else self.counter.shown_j(ended_s) - before_j
        reading = self.meter.stop(token)
        assert reading.value is not None, reading.reason
        scale = (ended_s - began_s) / reading.facts["window_s"]
        return Outcome(
            truth_j=trace.energy_j(ended_s) - trace.energy_j(began_s),
            ours_j=reading.value * scale,
            bound_j=reading.facts["uncertainty"]["total_j"] * scale,
            naive_j=naive_j,
            polled_j={every: poll_j(trace, began_s, ended_s, every) for every in polls},
        )

    def _naive(self, began_s: float, ended_s: float) -> float:
        """Difference of two unaligned reads: work begins anywhere in a period, not where our window began."""
        shift = self.draw.uniform(0, self.counter.tau_s)
        kept = self.counter.trace
        self.counter.trace = Step(began_s + shift, ended_s + shift)
        joules = self.counter.shown_j(ended_s + shift) - self.counter.shown_j(began_s + shift)
        self.counter.trace = kept
        return joules
