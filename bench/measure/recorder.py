"""The recorder: every call's nanoseconds, and what the operating system did to the block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# What follows a block's n wall times: processor ns, involuntary and voluntary switches, minor faults, start stamp (ns).
TAIL = ("cpu_ns", "involuntary_switches", "voluntary_switches", "minor_faults", "started_ns")
Samples = np.ndarray[Any, np.dtype[np.int64]]


def record_block(call: Callable[[], Any], n: int) -> tuple[Samples, Any]:
    """Run `call` n times; return int64[n + 5] (n wall times in ns, then TAIL) and the last call's result.

    Two clock reads and a list store a call, nothing else between the start and the stop: no allocation of ours, no
    hook, no output. Processor time covers all threads of the process.
    """
    clock, walls = time.perf_counter_ns, [0] * n
    result = None
    before, stamp, cpu = _usage(), time.time_ns(), time.process_time_ns()
    for index in range(n):
        start = clock()
        result = call()
        walls[index] = clock() - start
    cpu = time.process_time_ns() - cpu
    after = _usage()
    tail = (cpu, *(late - early for early, late in zip(before, after, strict=True)), stamp)
    samples = np.empty(n + len(TAIL), dtype=np.int64)
    samples[:n] = np.fromiter(walls, np.int64, n)
    samples[n:] = tail
    return samples, result


def record_elsewhere(time_calls: Callable[[], tuple[Sequence[int], Any]]) -> tuple[Samples, Any]:
    """Record a block that a session times itself; this process's own time is not its work, and stands as 0."""
    before, stamp = _usage(), time.time_ns()
    walls, result = time_calls()
    after = _usage()
    tail = (0, *(late - early for early, late in zip(before, after, strict=True)), stamp)
    return np.array([*walls, *tail], dtype=np.int64), result


def warm_up(
    call: Callable[[], Any], *, least: int = 15, settle: int = 5, tolerance: float = 0.02, cap_s: float = 2.0
) -> Samples:
    """Call until at least `least` calls ran and the last `settle` calls' minimum is within 2 % of the best.

    Returns the wall times in ns; the cap bounds the time spent, though at least two calls are always made.
    """
    clock, walls = time.perf_counter_ns, []
    deadline = clock() + int(cap_s * 1e9)
    while True:
        start = clock()
        call()
        walls.append(clock() - start)
        settled = len(walls) >= least and min(walls[-settle:]) <= min(walls) * (1 + tolerance)
        if settled or (len(walls) > 1 and clock() > deadline):
            return np.array(walls, dtype=np.int64)


def clock_step_ns(reads: int = 64) -> int:
    """Return the smallest step that the clock was seen to make, ns: nothing shorter can be told apart."""
    clock = time.perf_counter_ns
    steps = []
    for _ in range(reads):
        first = last = clock()
        while last == first:
            last = clock()
        steps.append(last - first)
    return min(steps)


def _usage() -> tuple[int, int, int]:
    try:
        import resource
    except ImportError:  # not on Windows
        return (0, 0, 0)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nivcsw, usage.ru_nvcsw, usage.ru_minflt
