"""From readings, ratios and verdicts to cells of the table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bench.audit import VERDICTS as AUDIT_VERDICTS
from bench.publish.format import MISSING, POINTS, TIMES, Figure, Scale, figure, figure_of, number, written
from bench.publish.model import SHAPES, Cell
from bench.publish.text import mapping, plain, visible
from bench.reading import STRENGTH, Reading
from bench.record import Ratio, Record

REASON_LIMIT = 160
ABSURD = 1000.0
# Only these classes go without a badge, and only outside energy: a plain number reads as measured or counted.
_PLAIN = ("measured", "counted")
# An estimate of energy supports no claim of a saving: these say what was seen.
ESTIMATED_WORDS = {
    "better": "less processor time",
    "worse": "more processor time",
    "tie": "tie",
}


def missing(reason: object) -> Cell:
    """Return the cell of something that is not there, with the reason."""
    return Cell(MISSING, visible(reason or "no reason was recorded", REASON_LIMIT), tone="dim")


def reading_cell(reading: Reading | None, scale: Scale, *, badge: bool = False, block: int = 0) -> Cell:
    """Return a reading's cell: value and interval in the column's scale; a badge where asked or where due."""
    if reading is None:
        return missing("not read")
    klass = reading.class_ if reading.class_ in SHAPES else "unavailable"
    if klass == "unavailable":
        return Cell(MISSING, visible(reading.reason or "", REASON_LIMIT), "unavailable" if badge else "", "dim")
    found = figure_of(reading)
    if found is None:
        return Cell(MISSING, f"not a finite number: {plain(reading.value)}"[:REASON_LIMIT], klass, "dim")
    text, note = written(found, scale)
    if klass != "counted" and found.low is None:
        note = open_ended(reading.low, reading.high)
    tone = "dim" if reading.verdict != "valid" else ""
    return Cell(text, note, klass if badge or klass not in _PLAIN else "", tone, found.value, block)


def ratio_cell(ratio: Ratio | None, *, baseline: bool, klass: str = "", block: int = 0, more: bool = False) -> Cell:
    """Return a ratio's cell: "0.52x", its interval, and better, worse or tie as the interval lies to 1.

    With a class (ratios of energy) the class stands beside the figure, and the verdict goes into the note; one of an
    estimate claims no saving. With `more` it is one of what is better high.
    """
    found = _bounded(figure(ratio.value, ratio.low, ratio.high)) if ratio is not None else None
    if ratio is None or found is None:
        own = Cell(f"1{TIMES}", "the baseline", klass, "", 1.0, block)
        return own if baseline else missing("no ratio to the baseline")
    text, interval = written(found, Scale(1.0, ""))
    shown = weakest(klass, ratio.class_) if klass or ratio.class_ not in _PLAIN else ""
    word = ratio_word(_inverse(found) if more else found, shown)
    shown = shown or word
    interval = interval or ("" if found.low is not None else open_ended(ratio.low, ratio.high))
    note = " ".join(part for part in (interval, word) if part) if shown != word else interval
    return Cell(f"{text}{TIMES}", note, shown, "", found.value, block)


def _inverse(found: Figure) -> Figure:
    value, low, high = (None if each is None or each <= 0 else 1 / each for each in found)
    return Figure(value or math.inf, high, low)


def _bounded(found: Figure | None) -> Figure | None:
    """Return a ratio without an interval that bounds nothing: an end further away than a factor of a thousand."""
    if found is None or found.low is None or found.high is None or found.low == found.high:
        return found
    absurd = found.low * ABSURD <= found.value or found.high >= found.value * ABSURD
    return Figure(found.value, None, None) if absurd else found


def open_ended(low: Any, high: Any) -> str:
    """Return what is said where no interval can be drawn."""
    if number(low) is not None and number(high) is not None:
        return "no interval yet"
    return "no interval" if number(low) is None and number(high) is None else "unbounded interval"


def weakest(*classes: str) -> str:
    """Return the weakest of the provenance classes named: a number made of several is no better than the worst."""
    named = [each if each in STRENGTH else "unavailable" for each in classes if each]
    return max(named, key=list(STRENGTH).index, default="unavailable")


def verdict(found: Figure, at: float) -> str:
    """Return better, worse or tie: where the whole interval lies to the value that changes nothing; lower is better."""
    if found.low is None or found.high is None:
        return ""
    return "better" if found.high < at else "worse" if found.low > at else "tie"


def ratio_word(found: Figure, klass: str) -> str:
    """Return the verdict on a ratio in words; an estimate is of processor time, and says no more than that."""
    word = verdict(found, 1.0)
    return ESTIMATED_WORDS.get(word, "") if klass == "estimated" else word


def drop_cell(found: Figure | None, unit: str, *, baseline: bool) -> Cell:
    """Return the cell of quality lost to the baseline; positive is worse."""
    if found is None:
        return Cell("0", "the baseline", sort=0.0) if baseline else missing("no baseline quality to compare with")
    text, note = written(found, POINTS if unit == "1" else Scale(1.0, unit))
    return Cell(text, note, verdict(found, 0.0), "", found.value)


def validity_cell(record: Record) -> Cell:
    """Return the cell of the record's validity verdict, with its reasons."""
    word, reasons = validity(record)
    return Cell("", "; ".join(reasons), word, "", ("valid", "suspect", "invalid").index(word))


def validity(record: Record) -> tuple[str, list[str]]:
    """Return the verdict and its reasons; a verdict nobody knows counts as invalid."""
    found = mapping(record.validity)
    word = found.get("verdict", "invalid")
    reasons = found.get("reasons", ())
    listed = [visible(each) for each in reasons] if isinstance(reasons, (list, tuple)) else [visible(reasons)]
    return (
        (word, listed) if word in ("valid", "suspect", "invalid") else ("invalid", [f"verdict {plain(word)}", *listed])
    )


def audit_cell(record: Record) -> Cell:
    """Return the cell of the audit's verdict with its advice; a verdict nobody knows stands as it is, sorted last."""
    found = mapping(record.audit)
    word = found.get("verdict")
    if word is None:
        note = "the baseline" if record.cell.is_baseline else visible(found.get("advice") or "", REASON_LIMIT)
        return Cell(MISSING, note, tone="dim")
    place = AUDIT_VERDICTS.index(word) if word in AUDIT_VERDICTS else -1
    return Cell(visible(word, 40), visible(found.get("advice") or "", REASON_LIMIT), sort=float(-place))


def limits_cell(limits: Mapping[str, Any]) -> Cell:
    """Return the cell of a suite's limits: met, or the names of those missed or not judged."""
    verdicts = {visible(name, 40): mapping(each).get("ok") for name, each in mapping(limits).items()}
    if not verdicts:
        return Cell(MISSING, "none set", tone="dim")
    missed = [name for name, ok in verdicts.items() if ok is False]
    unknown = [f"{name} not judged" for name, ok in verdicts.items() if ok not in (True, False)]
    met = sum(ok is True for ok in verdicts.values())
    badge = "missed" if missed else "" if unknown else "met"
    return Cell(f"{met}/{len(verdicts)}", ", ".join([*missed, *unknown]), badge, sort=float(len(missed)))


def extra_cell(value: Any) -> Cell:
    """Return the cell of a plugin's own column: numbers sort as numbers, all else as text."""
    if value is None:
        return Cell(MISSING, tone="dim")
    found = figure(value)
    if found is None:
        text = plain(value)
        return Cell(text, sort=text)
    return Cell(written(found, Scale(1.0, ""))[0], sort=found.value)
