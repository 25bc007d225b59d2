"""A record derived again from the raw samples: what it would say if it were written now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.derive import Derived, derive_comparison, derive_quality
from bench.derive.audit import Evidence, audit
from bench.derive.cost import cost_of
from bench.derive.limits import judge_limits
from bench.derive.payback import payback, processor_saving, unranked
from bench.derive.rules import Rules, exact_ratios
from bench.derive.scenarios import MOVED
from bench.reading import Reading
from bench.record import Record
from bench.store import Launch
from bench.validate.submission import Submission


@dataclass(frozen=True)
class Behind:
    """What stands behind a record: its launches and its baseline's, those over the idle machine, and the rules."""

    launches: Sequence[Launch]
    baseline: Sequence[Launch]
    idle: Sequence[Launch]
    rules: Rules


def behind(record: Record, base: Record, submission: Submission) -> Behind:
    """Return what a record says is behind it, with the samples of its own artifact and its baseline's only."""
    journal, said = submission.journal_of(record.cell), record.evidence
    mine = [_sides(journal[name], record, base) for name in said["launches"] if name in journal]
    named = said.get("baseline", list(said["launches"]))
    theirs = [_sides(journal[name], base, base) for name in named if name in journal]
    idle = [journal[name] for name in said.get("idle", {}) if name in journal]
    return Behind(mine, theirs, idle, Rules.from_json(said["settings"]))


def again(record: Record, base: Record, known: Behind, outcomes: Any, reference: Any) -> Record:
    """Return a record as its samples have it; `reference` are the outcomes of its baseline.

    What is counted in the artifact, its lineage and what the runtime executed are taken from the record. Raises
    ValueError or KeyError where nothing can be derived.
    """
    own = record is base
    derived = known.rules.settle(_derived(record, base, known.launches, known))
    counts = counts_of(record)
    quality = derive_quality(record.evidence["metric"], outcomes, None if own else reference)
    readings = {**counts, "quality": quality, **derived.readings}
    exact = {} if own else exact_ratios(counts, counts_of(base), base.id)
    best = {name: each for name, each in record.ratios.items() if name == "latency_vs_best"}
    out = replace(
        record,
        launches=derived.launches,
        validity=derived.validity,
        readings=readings,
        ratios={**derived.ratios, **exact, **best},
        limits=judge_limits(known.rules.limits, readings),
        versions={**record.versions, "runtime": known.launches[0].meta["headers"][record.cell.id]["facts"]},
    )
    out = replace(out, audit=_audit(out, base))
    return replace(out, compression=_cost(out, base, known))


def counts_of(record: Record) -> dict[str, Reading]:
    """Return what is counted of a record's artifact: all that no launch and no outcome says."""
    return {name: each for name, each in record.readings.items() if name not in MEASURED}


MEASURED = ("quality", "latency", "memory", "startup", "energy", "energy_load", "energy_warm_up", *MOVED)


def _sides(launch: Launch, record: Record, base: Record) -> Launch:
    made = launch.meta["artifacts"]
    fits = {each.cell.id for each in (record, base) if made.get(each.cell.id) == each.artifact}
    samples = {cell: each for cell, each in launch.samples.items() if cell in fits}
    return replace(
        launch, samples=samples, queries={cell: launch.queries[cell] for cell in launch.queries if cell in fits}
    )


def _derived(record: Record, base: Record, launches: Sequence[Launch], known: Behind) -> Derived:
    cell = record.cell
    found = derive_comparison(
        launches,
        base.cell.id,
        base.id,
        threads=cell.threads,
        batch=cell.query_samples,
        scenario=cell,
        stop=known.rules.stop,
        meter=known.rules.estimator(base.cell.device),
        idle=[each.meta["idle"] for each in known.idle],
    )
    if cell.id not in found:
        raise ValueError("no launch of the journal holds its artifact beside its baseline's")
    return found[cell.id]


def _audit(record: Record, base: Record) -> dict[str, Any]:
    mine = _evidence(record)
    if record.cell.is_baseline:
        return audit(mine, None)
    return audit(mine, _evidence(base), record.ratios.get("service", record.ratios.get("latency")))


def _evidence(record: Record) -> Evidence:
    executed = record.audit.get("executed", {})
    return Evidence(str(record.artifact), counts_of(record), executed, record.lineage)


def _cost(record: Record, base: Record, known: Behind) -> Mapping[str, Any]:
    meter = known.rules.meter
    cost = cost_of(record.lineage, meter, None, record.readings.get("quality"))
    if record.cell.is_baseline:
        return cost
    saving = processor_saving(known.launches, record.cell.id, base.cell.id, record.cell.query_samples)
    theirs = known.rules.settle(_derived(base, base, known.baseline, known)).readings.get("energy")
    energies = (theirs, record.readings.get("energy"))
    served_on = {"device": record.cell.device, "processor": record.machine.get("processor")}
    found = payback(record.lineage, base.lineage, meter, energies, saving, served_on)
    return {**cost, "break_even": {**found, **unranked(energies)}}
