"""A comparison's launches become each cell's readings, ratios and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.derive import ratios as ratio_room
from bench.derive import readings as reading_room
from bench.derive.ratios import Stop
from bench.derive.verdict import verdict
from bench.reading import Reading
from bench.record import Ratio
from bench.store import Launch


@dataclass(frozen=True)
class Derived:
    """What the launches say about one cell."""

    readings: Mapping[str, Reading]
    ratios: Mapping[str, Ratio]
    validity: Mapping[str, Any]
    launches: int


def derive_comparison(
    launches: Sequence[Launch],
    base: str,
    against: str,
    *,
    threads: int,
    batch: int,
    stop: Stop,
    meter: Mapping[str, Any] | None,
) -> dict[str, Derived]:
    """Derive every cell that was measured, each from the launches that hold it and the baseline.

    The baseline's own readings pool all launches, whatever bundle they belong to. `base` is its cell id, `against` its
    record id. `meter` holds the facts of the energy estimator, None when there is none.
    """
    usable = [each for each in launches if base in each.samples]
    cells = dict.fromkeys(cell for each in usable for cell in each.sides)
    out = {}
    for cell in cells:
        mine = [each for each in usable if cell in each.samples]
        out[cell] = _derive(mine, cell, None if cell == base else base, against, threads, batch, stop, meter)
    return out


def _derive(
    launches: Sequence[Launch],
    cell: str,
    base: str | None,
    against: str,
    threads: int,
    batch: int,
    stop: Stop,
    meter: Mapping[str, Any] | None,
) -> Derived:
    found = {
        "latency": reading_room.latency(launches, cell, batch),
        "memory": reading_room.memory(launches, cell),
        "startup": reading_room.startup(launches, cell),
        "energy": reading_room.estimated_energy(launches, cell, meter, batch)
        if meter
        else Reading.missing("J", "no energy meter can read here and no estimator is installed"),
    }
    validity, descheduled = verdict(launches, cell, threads)
    ratios: dict[str, Ratio] = {}
    if base is not None:
        ratios["latency"] = ratio_room.latency_ratio(launches, cell, base, against, stop)
        if descheduled:
            ratios["latency"].facts["descheduled"] = True  # type: ignore[index]
        if meter and (energy := ratio_room.work_ratio(launches, cell, base, against, "estimated")):
            ratios["energy"] = energy
    return Derived(found, ratios, validity, len(launches))
