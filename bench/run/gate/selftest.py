"""The self-test: a gate proves in every run that it could fail, and that it does not fail what is the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench.gate.paired import latency_verdict
from bench.gate.rule import GateLimits
from bench.gate.verdicts import GateReport, MetricVerdict, SelfTest
from bench.machine import fingerprint
from bench.run.gate.measuring import COPY, Bench
from bench.run.gate.pair import Pair
from bench.store import Cache
from bench.store.cache import key_of

FRESH_S = 24 * 3600.0
VERSION = "bench.self-test/1"


def planted_share(limits: GateLimits) -> float:
    """Return the busy work to plant, as a share of a call: twice the change that may pass."""
    return 2 * max(limits.floor_pass, limits.work_pass, 0.01)


def judged(pair: Pair, share: float) -> SelfTest:
    """Return what the self-test's launches say: unfit when the copy failed or the planted side passed."""
    found: dict[str, MetricVerdict] = {}
    for side in pair.candidates:
        seconds = (pair.floors_s(pair.sides[0]), pair.floors_s(side))
        name = "aa" if side.role == COPY else "planted"
        text = "a byte copy" if name == "aa" else f"busy work of {share:.1%} planted"
        busy = pair.descheduled(side)
        verdict = latency_verdict(
            pair.decisions[side.id], pair.rules.limits, text=text, seconds=seconds, descheduled=busy
        )
        found[name] = replace(verdict, metric=f"self-test {name}")
    reason = _unfit(pair, found["aa"], found["planted"], share)
    return SelfTest(reason is None, found["aa"], found["planted"], reason)


def _unfit(pair: Pair, aa: MetricVerdict, planted: MetricVerdict, share: float) -> str | None:
    lost = next((side.failure for side in pair.sides if side.failure), None)
    if lost is not None:
        return f"the self-test could not be measured: {lost.reason}"
    if aa.outcome == "fail":
        return "a byte copy of the baseline was called slower: this machine cannot be gated on now"
    if planted.outcome == "pass":
        return f"busy work of {share:.1%} was planted and passed: this gate would miss a real regression"
    return None


def recall(
    cache: Cache, machine: Mapping[str, Any], limits: GateLimits, now: Callable[[], float] = time.time
) -> SelfTest | None:
    """Return a fit self-test of this kind of machine under these limits that is no older than a day."""
    known = cache.recall(_key(machine, limits))
    try:
        if known is None or known["schema"] != VERSION or not 0 <= now() - float(known["at"]) <= FRESH_S:
            return None
        test = GateReport.from_json(known["report"]).self_test
    except (KeyError, TypeError, ValueError):
        return None
    return replace(test, reused=True) if test is not None and test.fit else None


def remember(
    cache: Cache,
    machine: Mapping[str, Any],
    limits: GateLimits,
    test: SelfTest,
    now: Callable[[], float] = time.time,
) -> None:
    """Keep a self-test for small gates of the same machine."""
    report = GateReport("self-test", "itself", (), test).to_json()
    cache.remember(_key(machine, limits), {"schema": VERSION, "at": now(), "report": report})


def _key(machine: Mapping[str, Any], limits: GateLimits) -> str:
    return key_of([VERSION, fingerprint(dict(machine)), vars(limits)])


def run_self_test(bench: Bench, pair: Pair, seconds: float, share: float) -> SelfTest:
    """Launch the self-test for at most so many seconds and judge it."""
    from bench.run.gate.schedule import spend

    bench.tell("note", "self-test: a byte copy, and busy work planted")
    spend([pair], seconds, seconds, bench.tell)
    pair.close()
    return judged(pair, share)
