"""Checks on outputs: the reference's, for every batch, computed anew by every call, from inputs that stay."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from bench.testing.conformance.subject import NotKept, Subject
from bench.worker.measuring import output_arrays

CALLS = 20


def equal_the_reference(subject: Subject) -> str:
    """Run the smallest batch; a bound call gives what `run` gives."""
    case = subject.cases[0]
    with subject.opened() as session:
        worst = subject.agree(session.run(case.inputs), case, "run")
        _bound_agrees(subject, session, case, "the bound call")
    return f"off by {worst:.2g}, tolerance {subject.tolerance:g}"


def any_batch_after_another(subject: Subject) -> str:
    """Run every batch in one session, up and down, so that nothing is left of another shape."""
    up = list(subject.cases)
    with subject.opened() as session:
        for case in (*up, *reversed(up)):
            size = len(next(iter(case.inputs.values())))
            subject.agree(session.run(case.inputs), case, f"batch {size}")
            _bound_agrees(subject, session, case, f"the bound call on batch {size}")
    return "batches " + ", ".join(str(len(next(iter(each.inputs.values())))) for each in up)


def every_call_computes_anew(subject: Subject) -> str:
    """Spoil a result in place, where it can be written, and call again: the old answer is no answer."""
    case, spoilt = subject.cases[0], 0
    with subject.opened() as session:
        call = session.bind(case.inputs)
        for _ in range(CALLS):
            result = call()
            session.synchronize()
            _all_near(subject, output_arrays(result), case, "a repeated call")
            spoilt += _spoil(result)
    return f"{CALLS} calls" + ("" if spoilt else "; results cannot be written to, so none was spoilt")


def inputs_stay_as_they_were(subject: Subject) -> str:
    """Call many times, and change the caller's arrays after binding: neither may reach the other."""
    case = subject.cases[0]
    mine = {name: np.array(value) for name, value in case.inputs.items()}
    with subject.opened() as session:
        call = session.bind(mine)
        for _ in range(CALLS):
            result = call()
        session.synchronize()
        _all_near(subject, output_arrays(result), case, f"call {CALLS}")
        for name, value in case.inputs.items():
            if not np.array_equal(mine[name], value):
                raise NotKept(f"the calls wrote into the caller's input '{name}'")
            mine[name][...] = 0
        result = call()
        session.synchronize()
        _all_near(subject, output_arrays(result), case, "inputs are copied once, when they are bound; a later call")
    return f"{CALLS} calls"


def opens_again(subject: Subject) -> str:
    """Close and open, and keep two sessions side by side: each answers as the first did."""
    first, last = subject.cases[0], subject.cases[-1]
    for _ in range(3):
        with subject.opened() as session:
            subject.agree(session.run(first.inputs), first, "opened again")
    with subject.opened() as one, subject.opened() as other:
        call = one.bind(first.inputs)
        subject.agree(other.run(last.inputs), last, "a second session beside the first")
        result = call()
        one.synchronize()
        _all_near(subject, output_arrays(result), first, "the first session beside a second")
    return "3 times, and two side by side"


def _bound_agrees(subject: Subject, session: Any, case: Any, what: str) -> None:
    result = session.bind(case.inputs)()
    session.synchronize()
    _all_near(subject, output_arrays(result), case, what)


def _all_near(subject: Subject, found: list[Any], case: Any, what: str) -> None:
    """Compare what a call returns, in any container and order of its own, with the outputs of a case."""
    if not found:
        raise NotKept(f"{what} returns nothing; it returns its outputs, so that they can be compared")
    if len(found) != len(case.expected):
        raise NotKept(f"{what} returns {len(found)} arrays; the model has {len(case.expected)} outputs")
    for array, (name, expected) in zip(found, case.expected.items(), strict=True):
        subject.near(array, expected, f"{what}: output '{name}'")


def _spoil(result: Any) -> int:
    """Overwrite the arrays of a result where that is possible; return how many were."""
    done = 0
    values = result.values() if isinstance(result, dict) else result if isinstance(result, (list, tuple)) else [result]
    for each in values:
        with contextlib.suppress(Exception):
            each[...] = -77
            done += 1
    return done
