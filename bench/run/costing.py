"""What each record's artifact cost to make, and after how many inferences that has paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.derive.cost import cost_of
from bench.derive.payback import payback, processor_saving, unranked
from bench.plan import PlannedComparison
from bench.record import Record
from bench.store import Launch


def with_costs(
    records: Sequence[Record],
    comparison: PlannedComparison,
    launches: Sequence[Launch],
    meter: Mapping[str, Any] | None,
) -> list[Record]:
    """Return the records of a comparison, the baseline first, those that are ok with what making them cost."""
    base = records[0]
    return [_with_cost(each, base, comparison, launches, meter) if each.status == "ok" else each for each in records]


def _with_cost(
    record: Record,
    base: Record,
    comparison: PlannedComparison,
    launches: Sequence[Launch],
    meter: Mapping[str, Any] | None,
) -> Record:
    original = comparison.task.facts.get("training")
    cost = cost_of(record.lineage, meter, original, record.readings.get("quality"))
    if not record.cell.is_baseline:
        saving = processor_saving(launches, record.cell.id, base.cell.id, record.cell.query_samples)
        energies = (base.readings.get("energy"), record.readings.get("energy"))
        served_on = {"device": record.cell.device, "processor": record.machine.get("processor")}
        found = payback(record.lineage, base.lineage, meter, energies, saving, served_on)
        cost["break_even"] = {**found, **unranked(energies)}
    return replace(record, compression=cost)
