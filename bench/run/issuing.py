"""Issuing a scenario's queries in a launch: how many at what rate, the same on every side, side after side."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.derive.launches import DISCARD
from bench.errors import BenchError
from bench.measure import placement
from bench.run.built import Side
from bench.run.deadline import Deadline
from bench.run.settings import Settings
from bench.stats.tail import least_within, queries_for
from bench.suite.cell import MULTI_STREAM, OFFLINE, SERVER, SINGLE_STREAM, Cell
from bench.wire import Worker

P99 = 0.99
CONFIDENCE, MARGIN = 0.99, 0.005  # MLPerf's confidence; its margin is 0.0005, which takes 262,742 queries
# How long queries are issued at least, of one side in one launch: MLPerf's 60 s and 600 s at the scale of a laptop.
LEAST_S, OFFLINE_ROUNDS = {OFFLINE: 0.6, MULTI_STREAM: 0.5, SERVER: 1.0}, 3
LONGEST_PASS_S = 10.0  # of one side in one launch: slower models issue fewer queries, and their p99 may stay unknown
PASS_TIMEOUT_S = 300.0
UTILISATION = 0.8  # of the baseline, at the rate that a suite leaves open
BOUNDS = 20  # a rate is tried for at least as many times the bound: a growing queue then shows
LOWEST, HIGHEST = 0.05, 1.5  # shares of what a side can serve
RESOLUTION, FIRST_STEP, NEXT_STEP, MOST_TRIES, USUAL_TRIES = 0.05, 1.25, 1.05, 12, 4

Samples = Mapping[str, Sequence[Any]]


def plan_of(cell: Cell, samples: Samples, base: str, settings: Settings, n: int) -> dict[str, Any]:
    """Return what is issued in every launch of a comparison, from the blocks (int64[rounds, n + 5]) of its first one.

    Counts follow from the confidence that is asked for, over the launches that there will be at least.
    """
    call_s = {side: _call_s(rows, n) for side, rows in samples.items()}
    fastest, slowest = min(call_s.values()), max(call_s.values())
    options = cell.scenario_options
    least_s = float(options.get("duration", LEAST_S[cell.scenario]))
    longest_s = max(LONGEST_PASS_S, least_s)
    if cell.scenario == OFFLINE:
        calls = max(math.ceil(least_s / OFFLINE_ROUNDS / fastest), 1)
        return {"name": OFFLINE, "calls": calls, "samples": calls * cell.batch, "rounds": OFFLINE_ROUNDS}
    confidence, margin = float(options.get("confidence", CONFIDENCE)), float(options.get("margin", MARGIN))
    asked, stops = queries_for(P99, confidence, margin), least_within(1, P99, confidence) + 1
    each = math.ceil(max(asked, stops) / settings.min_launches)
    found = {"name": cell.scenario, "confidence": confidence, "margin": margin, "asked": asked}
    if cell.scenario == MULTI_STREAM:
        queries = min(max(each, math.ceil(least_s / fastest)), int(longest_s / slowest))
        return found | {"queries": max(math.ceil(queries / settings.rounds), 1), "rounds": settings.rounds}
    rate = float(options.get("rate") or _three_digits(UTILISATION * cell.batch / call_s[base]))
    wanted = max(each, stops, math.ceil(least_s * rate))
    queries = max(min(wanted, int(longest_s / max(slowest / cell.batch, 1 / rate))), 1)
    return found | {"queries": queries, "rate": rate, "rounds": 1}


def expected_issuing_s(cell: Cell) -> float:
    """Return the rough seconds for which queries are issued to one side in one launch, a search included."""
    options = cell.scenario_options
    least_s = 0.0 if cell.scenario == SINGLE_STREAM else float(options.get("duration", LEAST_S[cell.scenario]))
    bound_s = float(options.get("p99", 0.0))
    return least_s + USUAL_TRIES * min(BOUNDS * bound_s, LONGEST_PASS_S)


class Issuing:
    """Issues the queries of one launch."""

    def __init__(self, settings: Settings, deadline: Deadline) -> None:
        self.settings, self.deadline = settings, deadline

    def passes(
        self,
        sides: Sequence[Side],
        workers: Mapping[str, Worker],
        dice: random.Random,
        samples: Samples,
        n: int,
        known: Mapping[str, Any] | None,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return what was issued, as metadata, and each side's latencies (int64[rounds, queries], ns).

        `known` is the scenario's metadata in the latest launch, whose plan is kept. None where a side failed.
        """
        cell = sides[0].planned.cell
        if cell.scenario == SINGLE_STREAM:
            return {}, {}
        began = time.perf_counter()
        plan = dict((known or {}).get("plan") or plan_of(cell, samples, sides[0].id, self.settings, n))
        cores = placement.cores()
        single = all(side.planned.cell.threads == 1 for side in sides)
        core = dice.choice(cores) if cores and single else None
        issued = self._issue(sides, workers, dice, plan, core, cell.batch)
        if issued is None:
            return None
        latencies, facts = issued
        found: dict[str, Any] = {"plan": plan, "core": core, **facts}
        if "p99" in cell.scenario_options:
            call_s = {side.id: _call_s(samples[side.id], n) for side in sides}
            highest = self._highest(sides, workers, dice, plan, core, call_s, (known or {}).get("highest") or {})
            if highest is None:
                return None
            found["highest"] = highest
        return {"scenario": {**found, "seconds": time.perf_counter() - began}}, latencies

    def _issue(
        self,
        sides: Sequence[Side],
        workers: Mapping[str, Worker],
        dice: random.Random,
        plan: Mapping[str, Any],
        core: int | None,
        batch: int,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        rows: dict[str, list[Any]] = {side.id: [] for side in sides}
        durations: dict[str, list[int]] = {side.id: [] for side in sides}
        outputs: dict[str, set[str]] = {side.id: set() for side in sides}
        keys = ("queries", "calls", "rate")
        for _ in range(int(plan["rounds"])):
            seed = dice.randrange(1 << 30)  # every side meets the same arrivals
            arguments = {"scenario": plan["name"], "core": core, "batch": batch, "seed": seed}
            arguments |= {key: plan[key] for key in keys if key in plan}
            for side in dice.sample(list(sides), len(sides)):
                reply = self._ask(side, workers[side.id], "issue", arguments)
                if reply is None:
                    return None
                rows[side.id].append(reply.arrays["latencies"])
                durations[side.id].append(int(reply.data["duration_ns"]))
                outputs[side.id].add(str(reply.data["outputs"]))
        facts = {"durations_ns": durations, "outputs": {cell: sorted(each) for cell, each in outputs.items()}}
        return {cell: np.stack(each) for cell, each in rows.items()}, facts

    def _highest(
        self,
        sides: Sequence[Side],
        workers: Mapping[str, Worker],
        dice: random.Random,
        plan: Mapping[str, Any],
        core: int | None,
        call_s: Mapping[str, float],
        earlier: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """Search each side's highest rate; a later launch begins where the one before ended."""
        cell, found = sides[0].planned.cell, {}
        bound_s, seed = float(cell.scenario_options["p99"]), dice.randrange(1 << 30)
        for side in dice.sample(list(sides), len(sides)):
            before = (earlier.get(side.id) or {}).get("passed")
            capacity = cell.batch / call_s[side.id]
            start = float(before or start_rate(capacity, call_s[side.id], bound_s))
            arguments = {
                "core": core,
                "bound_s": bound_s,
                "confidence": plan["confidence"],
                "queries": least_within(1, P99, float(plan["confidence"])) + 1,
                "seconds": min(BOUNDS * bound_s, LONGEST_PASS_S),
                "start": start,
                "within": [LOWEST * capacity, HIGHEST * capacity],
                "step": NEXT_STEP if before else FIRST_STEP,
                "resolution": RESOLUTION,
                "most": MOST_TRIES,
                "batch": cell.batch,
                "seed": seed,
            }
            reply = self._ask(side, workers[side.id], "highest", arguments)
            if reply is None:
                return None
            found[side.id] = dict(reply.data)
        return found

    def _ask(self, side: Side, worker: Worker, verb: str, arguments: Mapping[str, Any]) -> Any:
        timeout_s = min(self.deadline.left_s(), PASS_TIMEOUT_S)
        try:
            return worker.request(verb, dict(arguments), timeout_s=timeout_s)
        except BenchError as error:
            side.fail(error, "issuing queries")
            return None


def start_rate(capacity: float, call_s: float, bound_s: float) -> float:
    """Return where the search begins: the rate whose p99 an M/M/1 queue of that capacity would have at the bound.

    Its waits are longer than those of calls that all take about as long, so that the search begins below.
    """
    slack = bound_s - call_s
    return max(capacity - math.log(100) / slack, LOWEST * capacity) if slack > 0 else LOWEST * capacity


def _call_s(rows: Sequence[Any], n: int) -> float:
    walls = np.stack([np.asarray(each)[min(DISCARD, n - 1) : n] for each in rows])
    return max(float(np.median(walls)), 1.0) / 1e9


def _three_digits(value: float) -> float:
    return float(f"{value:.2e}")
