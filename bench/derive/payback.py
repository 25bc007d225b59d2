"""Break-even of one artifact: inferences until what making it cost is saved, in joules and in processor time.

An estimate from processor time supports no claim of an energy saving, so for estimated joules there is no figure of
energy, only the verdict "estimated only"; the break-even in processor time is another figure, and is called so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.derive.cost import UNKNOWN, Entry, Spent, joules_of, whole_of
from bench.derive.launches import cpu_per_call
from bench.reading import STRENGTH, Reading
from bench.stats.breakeven import BreakEven, Mean, break_even, paired_saving
from bench.store import Launch

ESTIMATED_ONLY = "estimated only"
NO_CLAIM = "no demonstrated saving: energy here is estimated"
COST_ESTIMATED = "no demonstrated saving: the energy of compressing is estimated"
UNAVAILABLE = "unavailable"
SAVES_TIME = "saves processor time"


def payback(
    lineage: Sequence[Entry],
    base_lineage: Sequence[Entry],
    meter: Mapping[str, Any] | None,
    energies: tuple[Reading | None, Reading | None],
    saving: Mean | None,
    served_on: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a record's `compression.break_even`.

    `energies` are the joules of an inference of the baseline and of this artifact, `saving` the processor seconds that
    an inference saves (None where nothing tells). The cost is of every step but the conversions that the baseline
    takes too. Training on one device and serving on another is ordinary: `made_on` and `served_on` name both.
    """
    charged, shared = charged_steps(lineage, base_lineage)
    spent = Spent.total(whole_of(each) for each in charged)
    cost = joules_of(spent, meter)
    places = {(each.get("device"), each.get("processor")) for each in charged}
    return {
        **in_joules(cost, *energies),
        "cost": cost.to_json(),
        "not_charged": shared,
        "processor_time": in_processor_time(spent.cpu_s, saving),
        "made_on": [{"device": device, "processor": name} for device, name in sorted(places, key=str)],
        "served_on": dict(served_on),
    }


def unranked(energies: Sequence[Reading | None]) -> dict[str, Any]:
    """Return what a break-even says in place of its figure where a joule of it may not rank; empty where all may."""
    why = next((each.facts["not_ranked"] for each in energies if each and "not_ranked" in each.facts), None)
    if not why:
        return {}
    return {**dict.fromkeys(("inferences", "low", "high")), "verdict": UNAVAILABLE, "reason": why}


def charged_steps(lineage: Sequence[Entry], base: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the steps that this artifact needed and its baseline did not, and the names of the shared conversions."""
    free = Counter(_edge(each) for each in base if each.get("kind") == "convert")
    charged, shared = [], []
    for each in lineage:
        if each.get("kind") == "convert" and free[_edge(each)] > 0:
            free[_edge(each)] -= 1
            shared.append(str(each.get("step")))
        else:
            charged.append(each)
    return charged, shared


def in_joules(cost: Reading, base: Reading | None, own: Reading | None) -> dict[str, Any]:
    """Return the break-even in energy. Joules of unlike classes or domains on the two sides are not subtracted."""
    if base is None or own is None:
        return _without(UNAVAILABLE, "unavailable", "the joules of an inference are not known on both sides")
    class_ = max((cost.class_, base.class_, own.class_), key=STRENGTH.__getitem__)
    if class_ == "unavailable":
        missing = next(each for each in (cost, own, base) if each.class_ == "unavailable")
        return _without(UNAVAILABLE, class_, str(missing.reason))
    if class_ == "estimated":
        served = "estimated" in (base.class_, own.class_)
        return _without(ESTIMATED_ONLY, class_, NO_CLAIM if served else COST_ESTIMATED)
    if why := _unusable(base, own):
        return _without(UNAVAILABLE, class_, why)
    means = [_mean(each) for each in (cost, base, own)]
    if any(each is None for each in means):
        return _without(UNAVAILABLE, class_, "a reading of energy has no interval")
    paid, before, after = (each for each in means if each is not None)
    found = break_even(paid, before.less(after))
    return {**_figures(found), "verdict": found.verdict, "class": class_, "basis": "energy"}


def _unusable(base: Reading, own: Reading) -> str | None:
    """Return why joules of the two sides cannot be subtracted, None when they can."""
    if wrong := next((each for each in (base, own) if each.verdict == "invalid"), None):
        return f"the joules of an inference are invalid: {'; '.join(wrong.reasons)}"
    if (base.class_, base.facts.get("domains")) != (own.class_, own.facts.get("domains")):
        return "the joules of the two sides are of unlike classes or domains"
    return None


def in_processor_time(cost_s: float | None, saving: Mean | None) -> dict[str, Any]:
    """Return the break-even in processor seconds: a figure of its own, which says nothing about joules."""
    basis = {"basis": "processor time", "cost_s": cost_s}
    if not cost_s or saving is None:
        reason = UNKNOWN if cost_s is None else "too little processor time was seen to compare"
        return {**_without(UNAVAILABLE, "unavailable", reason), **basis}
    # What was spent is known, and spent once: only the saving is uncertain.
    found = break_even(Mean(cost_s, 0.0), saving)
    verdict = SAVES_TIME if found.verdict == "saves" else found.verdict
    per_inference = {"saving_s": saving.value, "n": saving.n}
    return {**_figures(found), "verdict": verdict, "class": "derived", **basis, **per_inference}


def processor_saving(launches: Sequence[Launch], cell: str, base: str, batch: int) -> Mean | None:
    """Return the mean processor seconds that an inference saves, paired by launch; None with fewer than two launches.

    Blocks shorter than the processor clock's tick read 0 and say nothing.
    """
    pairs = [(_inference(each, base), _inference(each, cell)) for each in launches if {cell, base} <= set(each.samples)]
    usable = [(before / batch, after / batch) for before, after in pairs if before > 0 and after > 0]
    if len(usable) < 2:
        return None
    before, after = (np.array(side) for side in zip(*usable, strict=True))
    return paired_saving(before, after)


def _inference(launch: Launch, cell: str) -> float:
    return float(np.median(cpu_per_call(launch, cell)))


def _edge(entry: Entry) -> tuple[Any, ...]:
    return entry.get("step"), entry.get("from"), entry.get("to")


def _mean(reading: Reading) -> Mean | None:
    if reading.value is None or reading.low is None or reading.high is None:
        return None
    return Mean.from_interval(reading.value, reading.low, reading.high)


def _figures(found: BreakEven) -> dict[str, Any]:
    """Return the figures as JSON can hold them: what is unbounded is null."""
    ends = (found.interval.value, found.interval.low, found.interval.high)
    value, low, high = (each if math.isfinite(each) else None for each in ends)
    return {"inferences": value, "low": low, "high": high, "saves": found.saves, "method": found.interval.method}


def _without(verdict: str, class_: str, reason: str) -> dict[str, Any]:
    none = dict.fromkeys(("inferences", "low", "high"))
    return {**none, "verdict": verdict, "class": class_, "basis": "energy", "reason": reason}
