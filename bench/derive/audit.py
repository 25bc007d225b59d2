"""The audit of a compression: what was claimed, what the file stores, what the runtime executed, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.audit import VERDICTS, Finding
from bench.derive.gains import (
    codebook,
    fewer_values,
    mask,
    narrower,
    nothing,
    smaller,
)
from bench.reading import Reading
from bench.record import Ratio

SLOWER = 1.02  # from here on, with the whole interval, a model is slower: less is the noise of placement
CLAIMS = (
    *("mode", "method", "bits", "weights", "activations", "sparsity", "share_of_weights"),
    *("parameters", "parameters_before", "student", "teacher_parameters"),
)


@dataclass(frozen=True)
class Evidence:
    """What is known of one side: counted readings, what was executed (`reason` where unknown), and its lineage."""

    digest: str
    readings: Mapping[str, Reading]
    executed: Mapping[str, Any] = field(default_factory=dict)
    lineage: Sequence[Mapping[str, Any]] = ()


def audit(mine: Evidence, base: Evidence | None, latency: Ratio | None = None) -> dict[str, Any]:
    """Judge one record's compression against the uncompressed model (None: this is it, and nothing is claimed).

    The verdict is that of the worst gain that was claimed or seen; `findings` has each. It is null where the evidence
    does not suffice. Bytes and zeros are counted, operators come from the runtime's own profile.
    """
    claims = claimed(mine.lineage)
    out: dict[str, Any] = {"claimed": claims, "stored": stored(mine), "executed": dict(mine.executed)}
    if base is None:
        return {**out, "verdict": None, "advice": "", "findings": []}
    theirs = stored(base)
    findings = list(_findings(out["stored"], theirs, mine, base, claims))
    if all(each.verdict == "effective" for each in findings) and _is_slower(latency):
        findings.append(_slower(mine, latency))
    known = [each for each in findings if each.verdict is not None]
    worst = min(known, key=lambda each: VERDICTS.index(str(each.verdict)), default=findings[0])
    if worst.verdict == "effective" and len(known) < len(findings):
        worst = next(each for each in findings if each.verdict is None)
    return {
        **out,
        "verdict": worst.verdict,
        "advice": worst.advice,
        "findings": [each.to_json() for each in findings],
        "speed_up": speed_up(out["stored"], theirs, base, latency),
    }


def claimed(lineage: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what each compressing step says it did, oldest first."""
    steps = (each for each in lineage if each.get("kind") == "compress")
    return [{"step": str(each.get("step", "")), **_claims(each.get("facts"))} for each in steps]


def _claims(facts: Any) -> dict[str, Any]:
    return {name: facts[name] for name in CLAIMS if name in facts} if isinstance(facts, Mapping) else {}


def stored(side: Evidence) -> dict[str, Any]:
    """Return what a file holds: sizes in bytes, weights by type, the bits of one, the share that is zero."""
    found = {name: each.value for name, each in side.readings.items() if each.value is not None}
    parameters, encoded = side.readings.get("parameters"), side.readings.get("size_encoded")
    facts = encoded.facts if encoded is not None else {}
    count = found.get("parameters") or 0
    out: dict[str, Any] = {
        name: found[name]
        for name in ("size", "size_compressed", "size_encoded", "parameters", "nonzero", "flops", "bitops")
        if name in found
    }
    flops = side.readings.get("flops")
    if flops is not None and flops.value is not None and "effective" in flops.facts:
        out["flops_effective"] = flops.facts["effective"]
    if parameters is not None and "by_dtype" in parameters.facts:
        out["by_dtype"] = dict(parameters.facts["by_dtype"])
    if count and "nonzero" in found:
        out["zeros"] = 1 - found["nonzero"] / count
    if count and isinstance(facts.get("weights_bytes"), (int, float)):
        out["bits_per_weight"] = 8 * facts["weights_bytes"] / count
        out["duplicate_bytes"] = facts.get("duplicate_bytes", 0)
        out["weights_bytes"] = facts["weights_bytes"]
        ways = facts.get("values_by_way") or {}
        out["few_values"] = (ways.get("grid", 0) + ways.get("codebook", 0)) / count
    return out


def _findings(
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    side: Evidence,
    base: Evidence,
    claims: Sequence[Mapping[str, Any]],
) -> Iterator[Finding]:
    """Yield a finding for every gain that was claimed or is seen; if there is none, that nothing changed."""
    rules = (smaller, codebook, narrower, mask, fewer_values)
    found = [each for rule in rules if (each := rule(mine, theirs, side.executed, base.executed, claims)) is not None]
    same = side.digest == base.digest
    yield from found or [nothing(mine, theirs, same)]


def _is_slower(latency: Ratio | None) -> bool:
    return latency is not None and latency.low is not None and latency.low > SLOWER


def _slower(mine: Evidence, latency: Ratio | None) -> Finding:
    assert latency is not None
    share = mine.executed.get("convert_share")
    spent = f"; {share:.0%} of the operators' time goes into quantising and casting" if share else ""
    advice = (
        f"a call takes {latency.value:.2f} times as long as the uncompressed model's{spent}: "
        "use another runtime, or a processor with instructions for this type"
    )
    return Finding("latency", "slower", advice)


def speed_up(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], base: Evidence, latency: Ratio | None
) -> dict[str, Any]:
    """Return the speed-up seen beside the most that Amdahl's law allows: only products become cheaper (Amdahl 1967).

    The bound is 1 / (1 - p + p r): p is the products' share of the uncompressed model's time, r their remaining work:
    FLOPs without zero weights, times the bits of an operand (the root of bit-operations per FLOP), over the model's.
    """
    out: dict[str, Any] = {"value": None, "low": None, "high": None, "bound": None}
    if latency is not None and latency.value > 0:
        ends = (latency.high, latency.low)
        out |= {"value": 1 / latency.value, **dict(zip(("low", "high"), map(_inverse, ends), strict=True))}
    share, work = base.executed.get("product_share"), _remaining_work(mine, theirs)
    if share is not None and work is not None:
        out |= {"bound": 1 / (1 - share + share * work), "product_share": share, "remaining_work": work}
    return out


def _inverse(value: float | None) -> float | None:
    return 1 / value if value else None


def _remaining_work(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> float | None:
    if not all(side.get(name) for side in (mine, theirs) for name in ("flops", "bitops")):
        return None
    work = mine.get("flops_effective", mine["flops"]) / (theirs.get("flops_effective") or theirs["flops"])
    bits = [math.sqrt(side["bitops"] / side["flops"]) for side in (mine, theirs)]
    return float(work * bits[0] / bits[1])
