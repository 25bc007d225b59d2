"""The check that waiting is waiting: after `synchronize` a result is final, and no work is left."""

from __future__ import annotations

import time

import numpy as np

from bench.protocols import Timed
from bench.testing.conformance.subject import NotKept, NotTested, Subject
from bench.worker.measuring import output_arrays

ENOUGH_NS = 50_000_000  # of processor time: the clock's tick is a ten-thousandth of it
MOST_CALLS = 5_000
MOST_LATE = 0.8  # share of processor time: copying a tiny result takes a third of it, an inference put off nearly all
SETTLE_S = 0.05


def synchronize_waits(subject: Subject) -> str:
    """Take a result at once and again a little later; count the processor time that reading it takes.

    A runtime that submits and returns shows unfinished arrays, one that puts off the work does it when they are read.
    """
    case = subject.cases[-1]
    with subject.opened() as session:
        call = session.bind(case.inputs)
        for _ in range(3):
            result = call()
            session.synchronize()
            early = [np.array(each) for each in output_arrays(result)]
            time.sleep(SETTLE_S)
            late = output_arrays(result)
            if any(not np.array_equal(one, other) for one, other in zip(early, late, strict=True)):
                raise NotKept("a result still changed after synchronize() had returned")
            for array, expected in zip(early, case.expected.values(), strict=True):
                subject.near(array, expected, "the result when synchronize() had returned")
        if isinstance(session, Timed):
            return "results were final; the processor time of calls outside this process is not seen"
        share = _late_share(call, session.synchronize)
    if share > MOST_LATE:
        raise NotKept(f"{share:.0%} of the processor time is spent when a result is read, after synchronize()")
    return f"{share:.0%} of the processor time is spent on reading a result"


def _late_share(call: object, synchronize: object) -> float:
    """Return the share of processor time, all threads, that falls after synchronize()."""
    assert callable(call)
    assert callable(synchronize)
    clock, during, after = time.process_time_ns, 0, 0
    for _ in range(MOST_CALLS):
        began = clock()
        result = call()
        synchronize()
        waited = clock()
        output_arrays(result)
        after += clock() - waited
        during += waited - began
        if during + after > ENOUGH_NS:
            return after / (during + after)
    if not during + after:
        raise NotTested("the processor clock did not advance: the work is done in another process")
    return after / (during + after)
