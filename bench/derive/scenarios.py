"""What a scenario's queries say: latencies as MLPerf counts them, throughput, the highest rate within a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.derive.launches import Values, calls
from bench.derive.readings import QUANTILES, clock_of
from bench.derive.verdict import Doubt
from bench.reading import Reading
from bench.record import Ratio
from bench.stats import clustered_quantile, launch_value, median_interval, ratio_interval
from bench.stats.tail import early_rank
from bench.store import Launch
from bench.suite.cell import MULTI_STREAM, OFFLINE, SERVER, SINGLE_STREAM, Cell

P99 = 0.99
PER_SECOND = "1/s"
MOVED = ("throughput", "max_rate", "service")  # by whatever moves a latency
NOT_RANKED = "the rate is a share of what this comparison's baseline serves; give a rate to rank latencies"


def scenario_readings(
    launches: Sequence[Launch], side: str, cell: Cell, found: Mapping[str, Reading]
) -> dict[str, Reading]:
    """Return the readings of a cell with those of its scenario; single-stream has none of its own.

    `found` are the readings of the blocks. The latency of multi-stream and server is that of the issued queries; what
    the blocks say of server, the time of a call that waits for nobody, is then `service`.
    """
    issued = [each for each in launches if side in each.queries]
    if cell.scenario == SINGLE_STREAM or not issued:
        return dict(found)
    out = dict(found) | {"throughput": throughput(issued, side, cell)}
    if cell.scenario == OFFLINE:
        call = found["latency"]
        return out | {"latency": replace(call, facts={**call.facts, "per": "call"})}
    out["latency"] = _latency(issued, side, cell)
    if cell.scenario == SERVER:
        call = found["latency"]
        out["service"] = replace(call, facts={**call.facts, "per": "call"})
        if "p99" in cell.scenario_options:
            out["max_rate"] = max_rate(issued, side, float(cell.scenario_options["p99"]))
    return out


def scenario_doubts(launches: Sequence[Launch], side: str, cell: Cell, doubts: Sequence[Doubt]) -> list[Doubt]:
    """Return the doubts with the scenario's readings among those that a doubt of latency concerns, and its own."""
    if cell.scenario == SINGLE_STREAM:
        return list(doubts)
    out = [replace(each, readings=(*each.readings, *MOVED)) if "latency" in each.readings else each for each in doubts]
    load = _utilisation(launches, side, cell)
    if load is not None and load >= 1:
        text = f"queries arrive {load:.2f}x as fast as they are served: latency grows for as long as they do"
        out.append(Doubt("suspect", text, ("latency",)))
    return out


def throughput(launches: Sequence[Launch], side: str, cell: Cell) -> Reading:
    """Return inferences per second: over the whole query in offline, over all queries elsewhere."""
    values = [_throughput(each, side, cell) for each in launches]
    facts = {"launches": len(launches), "per": "inference"}
    return _of_launches(values, facts, "wall")


def max_rate(launches: Sequence[Launch], side: str, bound_s: float) -> Reading:
    """Return the highest rate at which the p99 was shown to keep a bound, queries per second: the median of launches.

    A launch finds the highest rate that passed and the lowest above it that did not, which are `bracket`.
    """
    found = [(each.meta["scenario"].get("highest") or {}).get(side, {}) for each in launches]
    passed = [float(each["passed"]) for each in found if each.get("passed")]
    if len(passed) < len(found):
        lost = len(found) - len(passed)
        why = f"in {lost} of {len(found)} launches no rate tried kept 99 % of the queries within {bound_s:g} s"
        return Reading.missing(PER_SECOND, why)
    failed = [float(each["failed"]) for each in found if each.get("failed")]
    facts: dict[str, Any] = {"bound": bound_s, "percentile": P99, "launches": len(launches)}
    facts["confidence"] = launches[0].meta["scenario"]["plan"].get("confidence")
    facts["bracket"] = [float(np.median(passed)), float(np.median(failed)) if len(failed) == len(found) else None]
    return _of_launches(passed, facts, "wall")


def scenario_ratios(
    launches: Sequence[Launch], side: str, base: str, cell: Cell, against: str, latency: Ratio
) -> dict[str, Ratio]:
    """Return the ratios of a scenario; `latency` is that of the blocks.

    Each is one number a launch, of what both sides did in it: in server, on the same arrivals.
    """
    issued = [each for each in launches if side in each.queries and base in each.queries]
    if cell.scenario == SINGLE_STREAM or not issued:
        return {}
    rate = [_log(_throughput(each, side, cell), _throughput(each, base, cell)) for each in issued]
    if cell.scenario == OFFLINE:
        rate = [launch_value(_log_durations(each, base, side)) for each in issued]
    out = {"throughput": _ratio(rate, against, "paired-throughput")}
    if cell.scenario == SERVER:
        out["service"] = latency
        out["latency"] = _ratio([_log_quantile(each, side, base, 0.5) for each in issued], against, "paired-queries")
        if all(each.queries[side].size >= 100 for each in issued):
            tail = [_log_quantile(each, side, base, P99) for each in issued]
            out["latency_p99"] = _ratio(tail, against, "paired-queries")
        highest = [each.meta["scenario"].get("highest") or {} for each in issued]
        if all((each.get(cell_id) or {}).get("passed") for each in highest for cell_id in (side, base)):
            logs = [_log(each[side]["passed"], each[base]["passed"]) for each in highest]
            out["max_rate"] = _ratio(logs, against, "paired-rate")
    return out


def _latency(launches: Sequence[Launch], side: str, cell: Cell) -> Reading:
    """Return the latency of the issued queries; in server it counts from the scheduled arrival."""
    by_launch = [np.maximum(each.queries[side].ravel(), 1) / 1e9 for each in launches]
    found = {name: clustered_quantile(by_launch, q) for name, q in QUANTILES.items()}
    quantiles = {
        name: [each.value, *(end if math.isfinite(end) else None for end in (each.low, each.high))]
        for name, each in found.items()
        if each is not None
    }
    together = np.concatenate(by_launch)
    value, low, high = quantiles.get("p50", [float(np.median(together)), None, None])
    plan = launches[0].meta["scenario"]["plan"]
    facts: dict[str, Any] = {"quantiles": quantiles, "launches": len(launches), "per": "query"}
    facts |= {"samples": cell.query_samples} if cell.scenario == MULTI_STREAM else {}
    confidence = float(plan["confidence"])
    facts |= {"queries_asked": int(plan["asked"]), "confidence": confidence}
    rank = early_rank(together.size, P99, confidence)
    facts["p99_at_most"] = None if rank is None else float(np.sort(together)[-rank])
    if cell.scenario == SERVER:
        facts |= {"rate": float(plan["rate"]), "utilisation": _utilisation(launches, side, cell), "loop": "open"}
        facts |= {} if "rate" in cell.scenario_options else {"not_ranked": NOT_RANKED}
    if cell.batch != 1:
        facts["batch"] = cell.batch
    reading = Reading("s", "measured", value, low, high, together.size, clock_of(launches, side), facts=facts)
    return reading.explained(_unbounded(len(launches)))


def _throughput(launch: Launch, side: str, cell: Cell) -> float:
    scenario = launch.meta["scenario"]
    if cell.scenario == OFFLINE:
        samples = float(scenario["plan"]["samples"]) * launch.queries[side].size
    else:
        samples = float(launch.queries[side].size) * (cell.query_samples if cell.scenario == MULTI_STREAM else 1)
    return float(samples * 1e9 / sum(scenario["durations_ns"][side]))


def _utilisation(launches: Sequence[Launch], side: str, cell: Cell) -> float | None:
    """Return the share of its capacity at which a server is asked to work: beyond 1 the queue grows without end."""
    if cell.scenario != SERVER:
        return None
    each_s = [float(np.mean(calls(each, side))) for each in launches if side in each.queries]
    rates = [float(each.meta["scenario"]["plan"]["rate"]) for each in launches if side in each.queries]
    return float(np.median(each_s)) * rates[0] / cell.batch if each_s else None


def _log(mine: float, theirs: float) -> float:
    return math.log(mine / theirs)


def _log_durations(launch: Launch, mine: str, theirs: str) -> Values:
    first, second = (
        np.asarray(launch.meta["scenario"]["durations_ns"][each], dtype=np.float64) for each in (mine, theirs)
    )
    return np.asarray(np.log(first / second))


def _log_quantile(launch: Launch, mine: str, theirs: str, q: float) -> float:
    first, second = (float(np.quantile(np.maximum(launch.queries[each], 1), q)) for each in (mine, theirs))
    return math.log(first / second)


def _ratio(logs: Sequence[float], against: str, method: str) -> Ratio:
    interval = ratio_interval(np.array(logs))
    low, high = (interval.low, interval.high) if math.isfinite(interval.high) else (None, None)
    return Ratio(interval.value, low, high, against, method, len(logs))


def _of_launches(values: Sequence[float], facts: dict[str, Any], meter: str) -> Reading:
    found = median_interval(values)
    low, high = (max(found.low, 0.0), found.high) if math.isfinite(found.high) else (None, None)
    reading = Reading(PER_SECOND, "measured", float(np.median(values)), low, high, len(values), meter, facts=facts)
    return reading.explained(_unbounded(len(values)))


def _unbounded(launches: int) -> str:
    return f"{launches} launches do not bound the median at 95 %"
