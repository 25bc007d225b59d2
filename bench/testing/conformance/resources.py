"""Checks on what a session uses: no more threads than it was given, and memory that returns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import memory
from bench.protocols import Timed
from bench.testing.conformance.subject import NotKept, NotTested, Subject

WORK_NS = 200_000_000  # processor time that is looked at for each number of threads
LEAST_NS = 20_000_000
MOST_S = 10.0
EXTRA = 0.25  # share of processor time that threads beyond those given may take: helpers that hand out work
TASKS = Path("/proc/self/task")
WARM, CYCLES = 5, 20


@dataclass(frozen=True)
class Spent:
    """Nanoseconds of processor time in all and of each thread that is still there, and of wall time."""

    cpu_ns: int
    by_thread: tuple[int, ...]
    wall_ns: int

    def beyond(self, threads: int) -> float:
        """Return the share of processor time that is not of the busiest threads; those that have ended count in."""
        return max(0.0, 1 - sum(sorted(self.by_thread)[-threads:]) / self.cpu_ns)


def threads_are_honoured(subject: Subject) -> str:
    """Attribute processor time to threads: a runtime told to use n may not spend it in more.

    The share of threads does not depend on who else uses the machine, as processor over wall time does.
    """
    if not TASKS.is_dir():
        raise NotTested("this system does not tell processor time by thread (Linux does)")
    notes = []
    for threads in subject.threads:
        with subject.opened(threads=threads) as session:
            if isinstance(session, Timed):
                raise NotTested("the calls run outside this process, which cannot see their threads")
            told = session.facts().get("threads", threads)
            if told != threads:
                raise NotKept(f"asked for {threads} threads, its facts say {told!r}")
            spent = spend(session.bind(subject.cases[-1].inputs), session.synchronize)
        share = spent.beyond(threads)
        ratio = f"processor/wall {spent.cpu_ns / spent.wall_ns:.2f} with {threads}"
        if share > EXTRA:
            raise NotKept(f"asked for {threads}, {share:.0%} of the processor time is of further threads ({ratio})")
        notes.append(ratio)
    return "; ".join(notes)


def spend(call: Callable[[], Any], synchronize: Callable[[], None]) -> Spent:
    """Call until enough processor time is spent. Raises NotTested where this process spends none."""
    call()
    synchronize()
    before, cpu, wall = _by_thread(), time.process_time_ns(), time.perf_counter_ns()
    while time.process_time_ns() - cpu < WORK_NS and time.perf_counter_ns() - wall < MOST_S * 1e9:
        for _ in range(10):
            call()
        synchronize()
    after, cpu, wall = _by_thread(), time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    if cpu < LEAST_NS:
        raise NotTested("this process spends hardly any processor time: the work is done elsewhere")
    return Spent(cpu, tuple(used - before.get(name, 0) for name, used in after.items()), wall)


def memory_returns(subject: Subject) -> str:
    """Open, call and close again and again: resident memory of this process may not go on growing."""
    for _ in range(WARM):
        _cycle(subject)
    before = _resident()
    for _ in range(CYCLES):
        _cycle(subject)
    grown = _resident() - before
    if grown > CYCLES * subject.growth_bytes:
        raise NotKept(
            f"{CYCLES} sessions opened and closed left {grown / 1e6:.1f} MB behind; {_allowed(subject)} are allowed"
        )
    return f"{CYCLES} sessions left {max(grown, 0) / 1e6:.1f} MB"


def _allowed(subject: Subject) -> str:
    return f"{CYCLES * subject.growth_bytes / 1e6:.1f} MB"


def _cycle(subject: Subject) -> None:
    with subject.opened() as session:
        session.bind(subject.cases[0].inputs)()
        session.synchronize()


def _resident() -> int:
    gc.collect()
    found = memory.resident_bytes()
    if found is None:
        raise NotTested("this system does not tell a process's resident memory")
    return found


def _by_thread() -> dict[str, int]:
    found = {}
    for each in TASKS.iterdir():
        try:
            found[each.name] = int((each / "schedstat").read_text().split()[0])
        except FileNotFoundError as error:
            if not (TASKS / "self").exists() and each.exists():
                raise NotTested("this kernel keeps no schedstat by thread") from error
    return found
