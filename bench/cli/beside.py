"""Two cells of one comparison that were measured side by side: their ratios from the run's own journal."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.derive.energy import energy_ratio
from bench.derive.quality import drop_between
from bench.derive.ratios import Stop, latency_ratio, memory_ratio, startup_ratio, work_ratio
from bench.derive.verdict import descheduled
from bench.record import Ratio, Record
from bench.store import Journal, Launch


@dataclass(frozen=True)
class Beside:
    """What launches that hold both cells say: ratios b/a by metric, and the drop of quality from a to b."""

    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    drop: Mapping[str, Any] | None = None


def of_records(first: Record, second: Record) -> Beside:
    """Return what one of the two records says of the other: a cell of its baseline, or the baseline of the cell."""
    there = {name: each for name, each in second.ratios.items() if each.against == first.id}
    back = {
        name: _inverse(each, second.id)
        for name, each in first.ratios.items()
        if each.against == second.id and each.value > 0
    }
    found = there or back
    found.pop("latency_vs_best", None)
    own = second if there else first if back else None
    quality = own.readings.get("quality") if own is not None else None
    drop = quality.facts.get("drop") if quality is not None else None
    return Beside(found, drop if there or drop is None else _returned(drop))


def beside(first: Record, second: Record, folder: Path | None) -> Beside:
    """Return the ratios of two records, from themselves, or from their run's journal when neither is the baseline."""
    found = of_records(first, second)
    same = first.run == second.run and first.cell.comparison == second.cell.comparison
    if found.ratios or folder is None or not same or first.cell.id == second.cell.id:
        return found
    launches = _shared(Journal(folder / "journal").read(first.cell.comparison), first, second)
    return Beside(_ratios(launches, first, second) if launches else {}, _drop(first, second, folder))


def _shared(launches: Sequence[Launch], first: Record, second: Record) -> list[Launch]:
    """Return the launches that hold both cells as they were recorded, by the artifacts' digests."""
    wanted = {each.cell.id: each.artifact for each in (first, second)}
    return [
        each
        for each in launches
        if set(wanted) <= set(each.samples) and wanted.items() <= dict(each.meta.get("artifacts", {})).items()
    ]


def _ratios(launches: Sequence[Launch], first: Record, second: Record) -> dict[str, Ratio]:
    cell, base, against = second.cell.id, first.cell.id, first.id
    latency = latency_ratio(launches, cell, base, against, Stop(None))
    if any(descheduled(launches, each, second.cell.threads) for each in (cell, base)):
        latency.facts["descheduled"] = True  # type: ignore[index]
    energy = energy_ratio(launches, cell, base, against, second.cell.query_samples)
    if energy is None and {each.class_of_energy for each in (first, second)} == {"estimated"}:
        energy = work_ratio(launches, cell, base, against, "estimated")
    found = {
        "latency": latency,
        "memory": memory_ratio(launches, cell, base, against),
        "startup": startup_ratio(launches, cell, base, against),
        "energy": energy,
    }
    return {name: each for name, each in found.items() if each is not None}


def _drop(first: Record, second: Record, folder: Path) -> Mapping[str, Any] | None:
    before, after = (_outcomes(each, folder) for each in (first, second))
    quality = second.readings.get("quality")
    if before is None or after is None or quality is None or len(before) != len(after):
        return None
    return drop_between(bool(quality.facts.get("higher_is_better", True)), after, before)


def _outcomes(record: Record, folder: Path) -> Any:
    """Return a cell's outcomes as they were kept, None where they are not those that its quality was made of."""
    import numpy as np

    try:
        data = (folder / "samples" / f"{record.cell.id}.npz").read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = np.asarray(archive["outcomes"], dtype=np.float64)
    except Exception:  # noqa: BLE001 - missing or damaged in any of a dozen ways: quality is then compared by intervals
        return None
    quality = record.readings.get("quality")
    usable = quality is not None and found.ndim == 1 and len(found) == quality.n and bool(np.isfinite(found).all())
    same = usable and quality is not None and quality.value is not None and abs(found.mean() - quality.value) < 1e-9
    return found if same else None


def _inverse(ratio: Ratio, against: str) -> Ratio:
    """Return the ratio seen from the other side."""
    ends = [None if each is None or each <= 0 else 1 / each for each in (ratio.high, ratio.low)]
    both = None not in ends
    facts = {name: each for name, each in ratio.facts.items() if name in ("ci_not_reached", "descheduled")}
    for name in ("work", "wall"):
        facts[name] = 1 / ratio.facts[name] if ratio.facts.get(name) else None
    work = [ratio.facts.get(name) for name in ("work_high", "work_low")]
    if all(work):
        facts |= {"work_low": 1 / work[0], "work_high": 1 / work[1]}  # type: ignore[operator]  # neither is None
    low, high = ends if both else (None, None)
    return Ratio(1 / ratio.value, low, high, against, ratio.method, ratio.n, ratio.class_, facts)


def _returned(drop: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (None if drop[end] is None else -drop[end] for end in ("high", "low"))
    return {"value": -drop["value"], "low": low, "high": high, "gained": drop["lost"], "lost": drop["gained"]}
