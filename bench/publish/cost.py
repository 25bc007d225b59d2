"""What compressing cost and when it has paid: the column, and the lines of the details."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.derive.payback import ESTIMATED_ONLY, SAVES_TIME
from bench.publish.format import MISSING, TIMES, Scale, figure, number, scale_for, sentence, text_of
from bench.publish.model import SHAPES, Cell
from bench.publish.text import mapping, plain, visible
from bench.record import Record
from bench.stats.breakeven import NO_SAVING

Lines = tuple[tuple[str, ...], ...]
SAVES, CLAIMABLE = "saves", ("measured", "derived")  # an estimate claims nothing, whatever its verdict
TITLES = {"seconds": "wall time", "cpu_s": "processor time", "train": "training", "train_s": "training"}
OWN_LINES = ("phases", "training", "break_even")


def break_even_cell(record: Record) -> Cell:
    """Return the break-even: inferences where a saving of energy is demonstrated, else the verdict in words.

    For an estimate the break-even in processor time stands in the note, named as such: it says nothing about joules.
    """
    if record.cell.is_baseline:
        return Cell(MISSING, "the baseline", tone="dim")
    found = mapping(mapping(record.compression).get("break_even"))
    if not found:
        return Cell(MISSING, "not recorded", tone="dim")
    klass, verdict = _known(found.get("class")), found.get("verdict")
    inferences, in_time = _inferences(found), _inferences(mapping(found.get("processor_time")))
    if inferences is not None:
        return Cell(_count(inferences), _interval(found), klass, sort=inferences)
    note = f"in processor time: {_count(in_time)}" if in_time is not None else "nor in processor time"
    if verdict not in (NO_SAVING, ESTIMATED_ONLY, SAVES):
        return Cell(MISSING, visible(found.get("reason") or verdict or "not recorded"), klass, "dim")
    return Cell(NO_SAVING, note, klass, "dim")


def in_words(found: Mapping[Any, Any]) -> str:
    """Return one break-even as a phrase: "after 12,300 inferences [11,000, 14,000]", or why there is none."""
    verdict, inferences = found.get("verdict"), _inferences(found)
    if inferences is not None:
        return f"after {_count(inferences)} inferences {_interval(found)}".rstrip()
    low = number(found.get("low"))
    tail = f", not before {_count(low)} inferences" if low is not None and verdict == NO_SAVING else ""
    reason = f": {visible(found['reason'])}" if found.get("reason") else ""
    said = NO_SAVING if verdict in (SAVES, SAVES_TIME) else visible(verdict or "not recorded", 60)
    return f"{said}{tail}{reason}"


def cost_lines(record: Record) -> Lines:
    """Return the lines of the section on cost: totals, phases, and whatever else a record of another version holds."""
    own = mapping(record.compression)
    hidden = (*OWN_LINES, *(("train_s",) if "phases" in own else ()))  # the phases say it
    out = [(_title(key), _value(key, value)) for key, value in own.items() if key not in hidden]
    return (*out, *((f"of it, {_title(key)}", _spent(each)) for key, each in mapping(own.get("phases")).items()))


def training_lines(record: Record) -> Lines:
    """Return a line for each step that trained."""
    found = mapping(record.compression).get("training")
    steps = [mapping(each) for each in found] if isinstance(found, (list, tuple)) else []
    return tuple((visible(each.get("step"), 60), "; ".join(_trained(each))) for each in steps if each)


def break_even_lines(record: Record) -> Lines:
    """Return the lines on break-even: energy, processor time, what was charged, where it was made and is served."""
    found = mapping(mapping(record.compression).get("break_even"))
    if not found:
        return ()
    shared = found.get("not_charged")
    rows = (
        ("Energy", f"{in_words(found)} · {badge(found.get('class'))}"),
        ("Processor time", in_words(mapping(found.get("processor_time")))),
        ("Charged", joules(mapping(found.get("cost")))),
        ("Not charged, the baseline needs it too", plain(shared) if shared else ""),
        ("Made on", _places(found.get("made_on"))),
        ("Served on", _places([found.get("served_on")])),
    )
    return tuple((term, value) for term, value in rows if value)


def joules(reading: Mapping[Any, Any]) -> str:
    """Return a reading of energy in JSON as a phrase, its class beside it."""
    found = figure(reading.get("value"), reading.get("low"), reading.get("high"))
    if found is None:
        reason = f": {visible(reading['reason'])}" if reading.get("reason") else ""
        return f"{MISSING} {badge(reading.get('class'))}{reason}"
    scale = scale_for(visible(reading.get("unit", "J"), 20), [found.value])
    why = f" (not measured: {visible(reading['not_measured'])})" if reading.get("not_measured") else ""
    return f"{sentence(found, scale)} {badge(reading.get('class'))}{why}"


def badge(klass: Any) -> str:
    """Return a provenance class as shape and word; one that nobody knows reads as unavailable."""
    return f"{SHAPES[_known(klass)]} {_known(klass)}"


def _known(klass: Any) -> str:
    return klass if isinstance(klass, str) and klass in SHAPES else "unavailable"


def _value(key: Any, value: Any) -> str:
    if "energy" in str(key):
        return joules(mapping(value)) if mapping(value) else f"{plain(value)} ({badge(None)})"
    return _seconds(value) if str(key).endswith(("seconds", "_s")) else plain(value)


def _seconds(value: Any) -> str:
    found = figure(value)
    return sentence(found, scale_for("s", [found.value])) if found else "not known" if value is None else plain(value)


def _spent(phase: Any) -> str:
    own = mapping(phase)
    parts = (
        _seconds(own.get("seconds")),
        f"processor time {_seconds(own.get('cpu_s'))}",
        joules(mapping(own.get("energy"))),
    )
    return "; ".join(parts)


def _trained(step: Mapping[Any, Any]) -> Iterable[str]:
    yield _spent(step)
    samples, rate = number(step.get("samples")), mapping(step.get("samples_per_joule"))
    yield f"{_count(samples)} samples" if samples is not None else "samples not known"
    found = figure(rate.get("value"), rate.get("low"), rate.get("high"))
    if found is not None:
        yield f"{sentence(found, Scale(1.0, 'samples per J'))} {badge(rate.get('class'))}"
    share = mapping(step.get("of_original"))
    for key, what in (("samples", "samples"), ("cpu_s", "processor time")):
        ratio = number(share.get(key))
        if ratio is not None:
            yield f"{ratio:.3g}{TIMES} the original training's {what}"
    if share.get("reason"):
        yield visible(share["reason"])
    quality = mapping(step.get("quality"))
    reached = number(quality.get("value"))
    if reached is not None:
        yield f"to {visible(quality.get('metric') or 'quality', 40)} {reached:.4g} of {visible(quality.get('of'), 40)}"


def _inferences(found: Mapping[Any, Any]) -> float | None:
    """Return the inferences after which something is demonstrably saved, None where nothing is; no estimate does."""
    value = number(found.get("inferences"))
    demonstrated = found.get("verdict") in (SAVES, SAVES_TIME) and found.get("class") in CLAIMABLE
    return value if demonstrated and value is not None and value > 0 else None


def _interval(found: Mapping[Any, Any]) -> str:
    low, high = number(found.get("low")), number(found.get("high"))
    if low is None:
        return ""
    return f"[{_count(low)}, {_count(high) if high is not None else 'never'}]"


def _count(value: float) -> str:
    """Return a number of inferences to three digits: its interval is wider than that."""
    return text_of(float(f"{value:.3g}"), 0)


def _places(found: Any) -> str:
    places = [mapping(each) for each in found] if isinstance(found, (list, tuple)) else []
    return "; ".join(", ".join(visible(each, 80) for each in place.values() if each) for place in places if place)


def _title(key: Any) -> str:
    return TITLES.get(str(key)) or visible(key, 60).replace("_", " ")
