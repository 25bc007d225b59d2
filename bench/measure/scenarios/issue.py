"""Issuing queries as MLPerf's scenarios do: one after another, all at once, or when they arrive.

Between the stamps nothing of ours runs but the wait for the next arrival: lists are made before, statistics after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.measure.scenarios.clock import IssueClock
from bench.measure.scenarios.schedule import Moments

Call = Callable[[], Any]


@dataclass(frozen=True)
class Issued:
    """What came of issuing queries.

    `latencies` of each query (int64, ns), the time from the start to the last answer, the last call's result.
    """

    latencies: Moments
    duration_ns: int
    result: Any


def repeated(call: Call, times: int) -> Call:
    """Return a query of several calls, one after another; the call itself where it is one."""
    if times == 1:
        return call

    def query() -> Any:
        result = None
        for _ in range(times):
            result = call()
        return result

    return query


def one_by_one(query: Call, n: int, clock: IssueClock) -> Issued:
    """Issue `n` queries, each as soon as the one before is answered: MLPerf's single-stream and multi-stream.

    In multi-stream a query is of several samples, and its latency is that of them all.
    """
    now, stamps = clock.now_ns, [0] * (n + 1)
    result = None
    stamps[0] = now()
    for index in range(1, n + 1):
        result = query()
        stamps[index] = now()
    times = np.array(stamps, dtype=np.int64)
    return Issued(np.diff(times), stamps[-1] - stamps[0], result)


def all_at_once(call: Call, calls: int, clock: IssueClock) -> Issued:
    """Issue one query of all samples, which takes that many calls: MLPerf's offline. Its latency is its duration."""
    query = repeated(call, calls)
    start = clock.now_ns()
    result = query()
    duration = clock.now_ns() - start
    return Issued(np.array([duration], dtype=np.int64), duration, result)


def on_arrival(call: Call, arrivals: Moments, clock: IssueClock, batch: int = 1) -> Issued:
    """Serve queries in the order they arrive, `arrivals` in ns from the start: MLPerf's server.

    A latency counts from the scheduled arrival, so that a query that waits behind a slow one is charged for the wait;
    a closed loop, which sends the next query when the last is answered, never sees it ("coordinated omission"). A call
    serves as many waiting queries as `batch` holds.
    """
    n = len(arrivals)
    now, wait = clock.now_ns, clock.wait_until_ns
    done, due = [0] * n, arrivals.tolist()
    result, first = None, 0
    start = now()
    while first < n:
        wait(start + due[first])
        end = first + 1
        if batch > 1:
            elapsed = now() - start
            while end < n and end - first < batch and due[end] <= elapsed:
                end += 1
        result = call()
        stamp = now()
        for index in range(first, end):
            done[index] = stamp
        first = end
    return Issued(np.array(done, dtype=np.int64) - start - arrivals, done[-1] - start, result)
