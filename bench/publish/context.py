"""What the cells of one group share, found once: scales, provenance, baselines, the quality metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.publish.format import Scale, figure_of, scale_for
from bench.publish.text import plain, visible
from bench.reading import STRENGTH, Reading
from bench.record import Record


@dataclass(frozen=True)
class Context:
    """What the cells of one group share.

    Its records that ran, the scale of each reading, blocks of equal provenance, the strongest provenance of its
    latencies (the one that is ranked), the ids of the fastest uncompressed cells, and whether it has several backends.
    """

    records: tuple[Record, ...]
    scales: Mapping[str, Scale]
    blocks: Mapping[str, Mapping[tuple[int, str], int]]
    baselines: Mapping[str, Record] = field(default_factory=dict)
    strongest: tuple[int, str] = (0, "")
    fastest: frozenset[str] = frozenset()
    several: bool = False

    @classmethod
    def of(cls, records: Sequence[Record]) -> Context:
        """Prepare the context of a group."""
        names = {name for each in records for name in each.readings}
        scales, blocks = {}, {}
        for name in names:
            found = [each.readings[name] for each in records if name in each.readings]
            figures = [each for each in map(figure_of, found) if each is not None]
            unit = next((each.unit for each in found if each.class_ != "unavailable"), found[0].unit)
            counted = name in ("parameters", "nonzero")
            scales[name] = scale_for("" if counted else visible(unit, 20), (each.value for each in figures))
            kinds = sorted({provenance(each) for each in found})
            blocks[name] = {kind: index for index, kind in enumerate(kinds)}
        baselines = {each.cell.backend_name: each for each in records if each.cell.is_baseline}
        known = {**baselines, **{str(each.id): each for each in records}}
        latencies = (each.readings["latency"] for each in records if "latency" in each.readings)
        strongest = min((provenance(each) for each in latencies if figure_of(each) is not None), default=(0, ""))
        best = {str(each.ratios["latency_vs_best"].against) for each in records if "latency_vs_best" in each.ratios}
        several = len({each.cell.backend_name for each in records}) > 1
        return cls(tuple(records), scales, blocks, known, strongest, frozenset(best), several)

    def scale(self, name: str) -> Scale:
        """Return the scale of a reading's column."""
        return self.scales.get(name, Scale(1.0, ""))

    def block(self, name: str, reading: Reading | None) -> int:
        """Return which block of equal provenance a reading belongs to; blocks are never ranked together."""
        kinds = self.blocks.get(name, {})
        return kinds.get(provenance(reading), 0) if reading is not None and len(kinds) > 1 else 0

    def baseline_of(self, record: Record) -> Record | None:
        """Return the record this one was compared with, or None."""
        ratio = record.ratios.get("latency")
        known = self.baselines.get(str(ratio.against)) if ratio is not None else None
        return known or self.baselines.get(record.cell.backend_name)


def provenance(reading: Reading) -> tuple[int, str]:
    """Return what readings must share to be ranked together: class (as its strength), and of joules kind and domains.

    A counter's joules and those integrated from samples of power, or estimates of two models, are not one quantity.
    """
    domains, kind = reading.facts.get("domains"), reading.facts.get("kind") if reading.unit == "J" else None
    listed = sorted(map(str, domains)) if isinstance(domains, (list, tuple)) else domains
    named = [plain(each) for each in (listed, kind) if each is not None]
    return STRENGTH.get(reading.class_, len(STRENGTH)), " by ".join(named)


def higher_is_better(records: Sequence[Record]) -> bool:
    """Return the direction of the group's quality metric; higher is better unless a record says otherwise."""
    facts = [each.readings["quality"].facts for each in records if "quality" in each.readings]
    return not any(each.get("higher_is_better") is False or each.get("direction") == "lower" for each in facts)


def metric_name(records: Sequence[Record]) -> str:
    """Return the name of the group's quality metric, "quality" when no record names it."""
    facts = [each.readings["quality"].facts for each in records if "quality" in each.readings]
    return next((visible(each["metric"], 40) for each in facts if isinstance(each.get("metric"), str)), "quality")
