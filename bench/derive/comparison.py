"""A comparison's launches become each cell's readings, ratios and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.derive import energy as energy_room
from bench.derive import ratios as ratio_room
from bench.derive import readings as reading_room
from bench.derive.phases import STARTING, starting
from bench.derive.ratios import Stop
from bench.derive.scenarios import scenario_doubts, scenario_ratios, scenario_readings
from bench.derive.verdict import Doubt, descheduled, doubts, judged, summary
from bench.reading import Reading
from bench.record import Ratio
from bench.store import Launch
from bench.suite.cell import Cell


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
    idle: Sequence[Mapping[str, Any]] = (),
    scenario: Cell | None = None,
) -> dict[str, Derived]:
    """Derive every cell that was measured, each from the launches that hold it and the baseline.

    The baseline's own readings pool all launches, whatever bundle they belong to. `base` is its cell id, `against` its
    record id. Energy comes from the launches' windows where there are any; else `meter` holds the facts of the
    estimator, None when there is none. `idle` are the journaled windows over the idle machine. `scenario` is a cell of
    the comparison whose scenario has readings of its own.
    """
    usable = [each for each in launches if base in each.samples]
    cells = dict.fromkeys(cell for each in usable for cell in each.sides)
    out = {}
    for cell in cells:
        mine = [each for each in usable if cell in each.samples]
        out[cell] = _derive(
            mine, cell, None if cell == base else base, against, threads, batch, stop, meter, idle, scenario
        )
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
    idle: Sequence[Mapping[str, Any]],
    scenario: Cell | None,
) -> Derived:
    doubted = doubts(launches, cell, threads)
    if scenario is not None:
        doubted = scenario_doubts(launches, cell, scenario, doubted)
    metered = energy_room.measured_energy(launches, cell, idle, batch)
    found = {
        "latency": reading_room.latency(launches, cell, batch),
        "memory": reading_room.memory(launches, cell),
        "startup": reading_room.startup(launches, cell),
        "energy": metered or _unmetered(launches, cell, meter, batch),
        **starting(launches, cell, meter),
    }
    if scenario is not None:
        found = scenario_readings(launches, cell, scenario, found)
    # A meter's windows have a verdict of their own: what befell the blocks says nothing about them, save that the
    # cell does not do what it should.
    windows = {
        name: each
        for name, each in found.items()
        if each is metered or (name in STARTING and each.class_ in ("measured", "derived"))
    }
    readings = judged({name: each for name, each in found.items() if name not in windows}, doubted)
    readings |= judged(windows, [each for each in doubted if each.verdict == "invalid"])
    validity = summary([*doubted, *_of_energy(metered)])
    ratios: dict[str, Ratio] = {}
    if base is not None:
        ratios["latency"] = ratio_room.latency_ratio(launches, cell, base, against, stop)
        if descheduled(launches, cell, threads):
            ratios["latency"].facts["descheduled"] = True  # type: ignore[index]
        if metered:
            energy = energy_room.energy_ratio(launches, cell, base, against, batch)
        else:
            energy = ratio_room.work_ratio(launches, cell, base, against, "estimated") if meter else None
        beside = {
            "memory": ratio_room.memory_ratio(launches, cell, base, against),
            "startup": ratio_room.startup_ratio(launches, cell, base, against),
            "energy": energy,
        }
        ratios |= {name: each for name, each in beside.items() if each}
        if scenario is not None:
            ratios |= scenario_ratios(launches, cell, base, scenario, against, ratios["latency"])
    return Derived(readings, ratios, validity, len(launches))


def _of_energy(metered: Reading | None) -> list[Doubt]:
    """Return the doubts about metered joules, which the cell shares; a number that is missing raises none."""
    if metered is None or metered.value is None or metered.verdict == "valid":
        return []
    return [Doubt(metered.verdict, f"energy: {each}", ("energy",)) for each in metered.reasons]


def _unmetered(launches: Sequence[Launch], cell: str, meter: Mapping[str, Any] | None, batch: int) -> Reading:
    if meter is None:
        return Reading.missing("J", "no energy meter can read here and no estimator is installed")
    return reading_room.estimated_energy(launches, cell, meter, batch)
