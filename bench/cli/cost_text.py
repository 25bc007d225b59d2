"""`bench show`'s part on what the artifact cost: phases, training, break-even."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.cli.table import reading_text
from bench.derive.payback import SAVES_TIME
from bench.reading import Reading
from bench.record import Record
from bench.stats.breakeven import NO_SAVING
from bench.units import format_quantity

Part = Mapping[str, Any]


def cost_text(record: Record) -> list[str]:
    """Return the lines; none for a record that kept nothing, one for what cannot be read."""
    try:
        return list(_lines(record.compression)) if record.compression else []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [f"\ncost of compression: damaged ({type(error).__name__}: {error})"]


def _lines(own: Part) -> Iterator[str]:
    yield "\ncost of compression"
    yield f"  {'total':<16}{_spent(own)}"
    for name, each in own.get("phases", {}).items():
        yield f"  {name:<16}{_spent(each)}"
    for each in own.get("training", ()):
        yield f"  {'training':<16}{'; '.join(_trained(each))}"
    if found := own.get("break_even"):
        yield "\nbreak-even"
        yield from _break_even(found)


def _spent(part: Part) -> str:
    cpu_s = part.get("cpu_s")
    spent = format_quantity(cpu_s, "s") if cpu_s is not None else "not known"
    seconds = format_quantity(float(part.get("seconds") or 0.0), "s")
    return f"{seconds}, processor time {spent}, {_reading(part.get('energy'))}"


def _reading(data: Part | None) -> str:
    """Return a reading with its class; the reason of one that is not there."""
    if not data:
        return "joules not recorded"
    reading = Reading.from_json(data)
    if reading.value is None:
        return f"joules unavailable ({reading.reason})"
    why = f" (not measured: {reading.facts['not_measured']})" if reading.facts.get("not_measured") else ""
    return f"{reading_text(reading, interval=True)} {reading.class_}{why}"


def _trained(step: Part) -> Iterator[str]:
    yield f"{step.get('step')}: {_spent(step)}"
    yield f"{step['samples']} samples" if step.get("samples") is not None else "samples not known"
    rate = Reading.from_json(step["samples_per_joule"])
    if rate.value is not None:
        yield f"{rate.value:.3g} samples per joule [{rate.low:.3g}, {rate.high:.3g}] {rate.class_}"
    share = step.get("of_original", {})
    for key, what in (("samples", "samples"), ("cpu_s", "processor time")):
        if share.get(key) is not None:
            yield f"{share[key]:.3g}x the original training's {what}"
    if share.get("reason"):
        yield str(share["reason"])
    if quality := step.get("quality"):
        yield f"to {quality.get('metric') or 'quality'} {quality['value']:.4g} of {quality.get('of')}"


def _break_even(found: Part) -> Iterator[str]:
    class_ = found.get("class")
    yield f"  {'energy':<16}{_when(found)}" + (f" ({class_})" if class_ in ("measured", "derived") else "")
    if in_time := found.get("processor_time"):
        yield f"  {'processor time':<16}{_when(in_time)}"
    yield f"  {'charged':<16}{_reading(found.get('cost'))}"
    if shared := found.get("not_charged"):
        yield f"  {'not charged':<16}{', '.join(shared)}: the baseline needs it too"
    yield f"  {'made on':<16}{_places(found.get('made_on', ()))}"
    yield f"  {'served on':<16}{_places([found.get('served_on', {})])}"


def _when(found: Part) -> str:
    low, high = (_count(found.get(end)) for end in ("low", "high"))
    if found.get("verdict") in ("saves", SAVES_TIME):
        return f"after {_count(found.get('inferences'))} inferences [{low}, {high}]"
    tail = f", not before {low} inferences" if found.get("verdict") == NO_SAVING and found.get("low") else ""
    return f"{found.get('verdict')}{tail}" + (f": {found['reason']}" if found.get("reason") else "")


def _count(value: float | None) -> str:
    return "never" if value is None else f"{float(f'{value:.3g}'):,.0f}"


def _places(places: Sequence[Part]) -> str:
    return "; ".join(", ".join(str(part) for part in each.values() if part) for each in places)
