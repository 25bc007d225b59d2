"""Energy of one cell from its windows, one a launch: gross, net of idle, and the ratio to the baseline's.

The interval holds two doubts: the scatter over launches (as of every reading), and the bound that the meter states of
each window, which repeating does not lessen. They are added.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.reading import Reading, alike, weakest
from bench.record import Ratio
from bench.stats import ratio_interval
from bench.stats.special import student_quantile
from bench.store import Launch

LEVEL = 0.95
FEW_WINDOWS = 3
# Idle power that moved by more than this between two windows says that the machine was not idle, or warmed up.
IDLE_DRIFT = 0.01
UNSTABLE = "idle-unstable"


@dataclass(frozen=True)
class Windows:
    """A cell's windows in the order of their launches (None where one is lost), and why those were lost."""

    readings: tuple[Reading | None, ...]
    reasons: tuple[str, ...]
    unusable: Reading | None

    @property
    def valid(self) -> list[Reading]:
        """The windows that have a value."""
        return [each for each in self.readings if each is not None]

    @classmethod
    def of(cls, launches: Sequence[Launch], cell: str, batch: int) -> Windows | None:
        """Collect the windows; None when none was opened.

        Launches of a run that was resumed with another meter say nothing about this one's joules: the windows of the
        last meter count.
        """
        every = [Reading.from_json(each.meta["energy"][cell]) if _has(each, cell) else None for each in launches]
        opened = [each for each in every if each is not None]
        if not opened:
            return None
        last = next((identity(each) for each in reversed(opened) if each.value is not None), None)
        kept = [
            _per_example(each, batch)
            if each is not None and each.value is not None and identity(each) == last
            else None
            for each in every
        ]
        lost = [each for each in opened if each.value is None]
        return cls(tuple(kept), tuple(str(each.reason) for each in lost), lost[0] if lost else None)


def measured_energy(
    launches: Sequence[Launch], cell: str, idle: Sequence[Mapping[str, Any]], batch: int
) -> Reading | None:
    """Return joules per inference from the windows of the launches; None when no window was opened.

    Unavailable, with the commonest reason, when every window was lost: nothing stands in for what was asked for.
    `idle` holds the windows over the idle machine as they were journaled.
    """
    windows = Windows.of(launches, cell, batch)
    if windows is None:
        return None
    valid = windows.valid
    if not valid:
        return _unavailable(windows)
    found = joules_of_windows(valid, len(windows.reasons), per="inference")
    net = _net(valid, [Reading.from_json(each["reading"]) for each in idle])
    inferences = sum(int(each.facts["inferences"]) for each in valid)
    return replace(found, facts={**found.facts, "inferences": inferences, "gross": found.value, **net})


def joules_of_windows(valid: Sequence[Reading], n_lost: int, *, per: str) -> Reading:
    """Return the mean of windows of one kind, one a launch, with its interval, doubts and provenance.

    Raises ValueError where they are not of one kind.
    """
    alike(valid, classes=False)
    value, low, high = _with_doubt([_value(each) for each in valid], valid)
    few = [f"only {len(valid)} valid windows: an interval needs at least {FEW_WINDOWS}"] * (len(valid) < FEW_WINDOWS)
    reasons = [*few, *(reason for each in valid for reason in each.reasons)]
    found = Reading(
        unit="J",
        class_=weakest(valid),
        value=value,
        low=low,
        high=high,
        n=len(valid),
        meter=valid[0].meter,
        verdict="suspect" if reasons else "valid",
        reasons=tuple(dict.fromkeys(reasons)),
        facts=_facts(valid, n_lost, per),
    )
    return found.explained("one window says nothing of the next" if len(valid) < 2 else "the meter states no bound")


def energy_ratio(launches: Sequence[Launch], cell: str, base: str, against: str, batch: int) -> Ratio | None:
    """Return the ratio of joules per inference to the baseline's, paired by launch; None without a pair of one kind."""
    mine, theirs = (Windows.of(launches, each, batch) for each in (cell, base))
    if mine is None or theirs is None:
        return None
    pairs = [
        (a, b)
        for a, b in zip(mine.readings, theirs.readings, strict=True)
        if a is not None and b is not None and identity(a) == identity(b) and _value(a) > 0 and _value(b) > 0
    ]
    if not pairs:
        return None
    found = ratio_interval([math.log(_value(a) / _value(b)) for a, b in pairs])
    low, high = (found.low, found.high) if math.isfinite(found.high) else (None, None)
    class_ = weakest([each for pair in pairs for each in pair])
    return Ratio(found.value, low, high, against, "paired-energy", len(pairs), class_)


def _has(launch: Launch, cell: str) -> bool:
    return cell in launch.meta.get("energy", {})


def _value(reading: Reading) -> float:
    assert reading.value is not None, "lost windows are left out"
    return float(reading.value)


def identity(reading: Reading) -> tuple[Any, ...]:
    """Return what windows must share to be one quantity: meter, its version, kind and domains."""
    facts = reading.facts
    return reading.meter, facts.get("meter_version"), facts.get("kind"), tuple(facts.get("domains") or ())


def _per_example(reading: Reading, batch: int) -> Reading:
    """Return joules of one inference of an example, where a call takes a batch of them."""
    if batch == 1:
        return reading
    low, high = (each if each is None else each / batch for each in (reading.low, reading.high))
    facts = {**reading.facts, "inferences": reading.facts["inferences"] * batch}
    for name in {"by_domain", "uncertainty"} & set(facts):
        facts[name] = {key: joules / batch for key, joules in facts[name].items()}
    return replace(reading, value=_value(reading) / batch, low=low, high=high, facts=facts)


def _unavailable(windows: Windows) -> Reading:
    """Return the reading of a cell whose windows were all lost, with what the meter still says of itself."""
    kind, count = Counter(map(_kind_of, windows.reasons)).most_common(1)[0]
    reason = next(each for each in windows.reasons if _kind_of(each) == kind)
    known = windows.unusable.facts if windows.unusable else {}
    kept = {name: known[name] for name in ("kind", "meter_version", "domains", "period_s") if name in known}
    total = len(windows.reasons)
    more = f" (so in {count} of {total} windows)" if count < total else ""
    return Reading(
        unit="J",
        class_="unavailable",
        meter=windows.unusable.meter if windows.unusable else None,
        reason=f"{reason}{more}",
        verdict="invalid",
        reasons=(reason,),
        facts={**kept, "n_windows": total, "n_invalid": total},
    )


def _kind_of(reason: str) -> str:
    """Return a reason without its numbers: windows lost to 85 and to 88 % of others' work are lost for one reason."""
    return re.sub(r"\d+(\.\d+)?", "#", reason)


def _with_doubt(
    values: Sequence[float], windows: Sequence[Reading], more: float = 0.0
) -> tuple[float, float | None, float | None]:
    """Return the mean over launches and its interval: the scatter's, widened by the mean stated bound and by `more`.

    A single window leaves it open: it says nothing of the next one.
    """
    mean, half = float(np.mean(values)), _scatter(values)
    if half is None or any(each.low is None or each.high is None for each in windows):
        return mean, None, None
    below, above = (
        float(np.mean([abs(_value(each) - getattr(each, end)) for each in windows])) for end in ("low", "high")
    )
    return mean, mean - half - below - more, mean + half + above + more


def _scatter(values: Sequence[float]) -> float | None:
    """Return the half-width of Student's 95 % interval of the mean over launches, None of a single one."""
    n = len(values)
    return student_quantile(LEVEL, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else None


def _facts(valid: Sequence[Reading], n_lost: int, per: str) -> dict[str, Any]:
    first = valid[0].facts
    scatter = _scatter([_value(each) for each in valid])
    return {
        "per": per,
        "kind": first["kind"],
        "meter_version": first["meter_version"],
        "domains": list(first["domains"]),
        "by_domain": _mean_of(valid, "by_domain"),
        "period_s": max(each.facts["period_s"] for each in valid),
        "window_s": float(np.mean([each.facts["window_s"] for each in valid])),
        "n_windows": len(valid) + n_lost,
        "n_invalid": n_lost,
        "share": _mean(valid, "share"),
        "steal": _mean(valid, "steal"),
        "uncertainty": _mean_of(valid, "uncertainty") | ({} if scatter is None else {"scatter_j": scatter}),
        **({"coefficients": first["coefficients"]} if "coefficients" in first else {}),
    }


def _mean(windows: Sequence[Reading], name: str) -> float | None:
    known = [each.facts[name] for each in windows if each.facts.get(name) is not None]
    return float(np.mean(known)) if known else None


def _mean_of(windows: Sequence[Reading], name: str) -> dict[str, float]:
    """Return the mean of each part of a fact that holds joules by name."""
    parts = [each.facts.get(name) or {} for each in windows]
    return {
        key: float(np.mean([each.get(key, 0.0) for each in parts]))
        for key in dict.fromkeys(k for p in parts for k in p)
    }


def _net(valid: Sequence[Reading], idle: Sequence[Reading]) -> dict[str, Any]:
    """Return the facts of energy net of idle; empty where the idle machine was not metered by the same meter.

    The idle share of a window is idle power times the busy time of an inference, as far as it was charged at all.
    """
    same = [each for each in idle if each.value is not None and identity(each) == identity(valid[0])]
    if not same:
        return {}
    watts = [_value(each) / each.facts["window_s"] for each in same]
    bounds = [(each.high - _value(each)) / each.facts["window_s"] for each in same if each.high is not None]
    idle_w, doubt_w = float(np.mean(watts)), (max(watts) - min(watts)) / 2 + max(bounds, default=0.0)
    seconds = [_charged(each) * each.facts["busy_s"] / each.facts["inferences"] for each in valid]
    values = [_value(each) - idle_w * s for each, s in zip(valid, seconds, strict=True)]
    net, low, high = _with_doubt(values, valid, doubt_w * float(np.mean(seconds)))
    drift = (max(watts) - min(watts)) / idle_w if idle_w > 0 else math.inf
    flags = {"flags": [UNSTABLE]} if drift > IDLE_DRIFT else {}
    return {"net": net, "net_low_j": low, "net_high_j": high, "idle_w": idle_w, "idle_drift": drift, **flags}


def _charged(reading: Reading) -> float:
    """Return which part of the machine's joules the reading charges: its share, where it is derived by share."""
    share = reading.facts.get("share")
    return float(share) if reading.class_ == "derived" and share is not None else 1.0
