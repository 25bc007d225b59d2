"""The ratio to the fastest uncompressed cell of a group, known only when all comparisons are over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.derive.ratios import unpaired_ratio
from bench.reading import VERDICTS, Verdict
from bench.record import Ratio, Record

BEST = "latency_vs_best"


def with_best(records: Sequence[Record]) -> list[Record]:
    """Return the records that have a ratio to the fastest uncompressed cell of their group, or no longer have one.

    A ratio to a slow baseline flatters: this one is against the best a user could have without compressing. A doubtful
    latency is the best of a group only where no valid one is in it, and an invalid one never is.
    """
    usable = [each for each in records if each.status == "ok" and _latency(each)]
    best: dict[str, Record] = {}
    for each in usable:
        first = each.group not in best or _order(each) < _order(best[each.group])
        if each.cell.is_baseline and _doubt(each) != "invalid" and first:
            best[each.group] = each
    out = []
    for each in records:
        ratio = _against_best(each, best[each.group]) if each in usable and each.group in best else None
        if ratio is not None or BEST in each.ratios:
            others = {name: known for name, known in each.ratios.items() if name != BEST}
            out.append(replace(each, ratios={**others, **({BEST: ratio} if ratio is not None else {})}))
    return out


def _order(record: Record) -> tuple[bool, tuple[float, float, float]]:
    return _doubt(record) != "valid", _latency(record)


def _doubt(record: Record) -> Verdict:
    """Return the worse verdict of a record and of its latency."""
    said = (record.validity.get("verdict"), record.readings["latency"].verdict)
    return max((each for each in VERDICTS if each in said), key=VERDICTS.index, default="invalid")


def _against_best(record: Record, best: Record) -> Ratio | None:
    own = record.ratios.get("latency")
    if record.id == best.id:
        return None
    if own is not None and own.against == best.id:
        return own
    return unpaired_ratio(_latency(record), _latency(best), best.id)


def _latency(record: Record) -> tuple[float, float, float]:
    reading = record.readings.get("latency")
    if reading is None or reading.value is None or "not_ranked" in reading.facts:
        return ()  # type: ignore[return-value]
    return reading.value, reading.low or 0.0, math.inf if reading.high is None else reading.high
