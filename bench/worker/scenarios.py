"""Scenarios in a worker: queries issued as MLPerf does, and the highest rate that is served within a bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bench.errors import PluginError, Unsupported
from bench.measure import placement
from bench.measure.scenarios import SteadyClock, all_at_once, highest_rate, on_arrival, one_by_one, poisson
from bench.protocols import Timed
from bench.stats.tail import shows_bound
from bench.wire.frames import Message
from bench.worker.measuring import ELSEWHERE, Measuring, digest_outputs


class Scenarios:
    """Issues queries to the session that is open."""

    def __init__(self, measuring: Measuring) -> None:
        self._measuring, self.clock = measuring, SteadyClock()

    def issue(
        self,
        *,
        scenario: str,
        core: int | None,
        queries: int = 1,
        calls: int = 1,
        rate: float = 0.0,
        batch: int = 1,
        seed: int = 0,
    ) -> Message:
        """Issue queries; return each one's latency (int64[queries], ns) and the ns from the start to the last answer.

        multi-stream: `queries` one after another. offline: one query of `calls` calls. server: `queries` at `rate` a
        second, a call serving up to `batch` that wait; `seed` is that of their arrivals.
        """
        call = self._call(core)
        if scenario == "offline":
            found = all_at_once(call, calls, self.clock)
        elif scenario == "server":
            found = on_arrival(call, poisson(rate, queries, seed), self.clock, batch)
        else:
            found = one_by_one(call, queries, self.clock)
        header = {"outputs": digest_outputs(found.result), "duration_ns": found.duration_ns}
        return Message(header, {"latencies": found.latencies})

    def highest(
        self,
        *,
        core: int | None,
        bound_s: float,
        confidence: float,
        queries: int,
        seconds: float,
        start: float,
        within: tuple[float, float],
        step: float,
        resolution: float,
        most: int,
        batch: int,
        seed: int,
    ) -> Mapping[str, Any]:
        """Search for the highest rate at which the p99 keeps a bound; return the bracket and what was tried.

        A rate passes where its queries show it at `confidence` (MLPerf's early stopping). Each is tried with at least
        `queries`, and for at least `seconds`: a burst must not pass because it is over before the queue has grown.
        """
        call, tried = self._call(core), []
        bound_ns = round(bound_s * 1e9)

        def passes(rate: float) -> bool:
            n = max(queries, math.ceil(rate * seconds))
            found = on_arrival(call, poisson(rate, n, seed), self.clock, batch)
            over = int((found.latencies > bound_ns).sum())
            tried.append([rate, n, over])
            return shows_bound(n, over, 0.99, confidence)

        bracket = highest_rate(
            passes, start, within=(within[0], within[1]), step=step, resolution=resolution, most=most
        )
        return {"passed": bracket.passed, "failed": bracket.failed, "tried": tried}

    def _call(self, core: int | None) -> Callable[[], Any]:
        measuring = self._measuring
        if measuring.call is None:
            raise PluginError("no session is open in this worker")
        if isinstance(measuring.session, Timed):
            raise Unsupported(ELSEWHERE)
        placement.pin(core)
        return measuring.call
