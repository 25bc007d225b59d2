"""Badges: one finding in a few words, as SVG and as the JSON that shields.io's endpoint badge reads.

What was estimated says so on the badge itself: nobody reads on behind one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bench.errors import BenchError, did_you_mean
from bench.gate.render.words import plain, verdict
from bench.gate.verdicts import GateReport
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.units import format_quantity

# Names of shields.io (badge-maker, lib/color.js) and what they look like.
COLOURS = {
    "brightgreen": "#4c1",
    "blue": "#007ec6",
    "yellow": "#dfb317",
    "orange": "#fe7d37",
    "red": "#e05d44",
    "lightgrey": "#9f9f9f",
}
_OF_VERDICT = {"PASS": "brightgreen", "INCONCLUSIVE": "yellow", "NOTHING JUDGED": "lightgrey"}
HEIGHT, PADDING = 20, 6
NARROW, WIDE = frozenset("ijlI.,:;'|![]() "), frozenset("mwMW%@")


@dataclass(frozen=True)
class Badge:
    """A label, a message, and one of COLOURS."""

    label: str
    message: str
    colour: str


def gate_badge(report: GateReport) -> Badge:
    """Return the verdict of a gate."""
    said = verdict(report)
    return Badge("bench gate", said.lower(), _OF_VERDICT.get(said, "red"))


def record_badge(record: Record, metric: str, *, ratio: bool = False) -> Badge:
    """Return one reading of a record, or its ratio to the baseline: "energy | 1.2 mJ estimated".

    Raises BenchError for a metric the record does not have, naming the nearest.
    """
    known = record.ratios if ratio else record.readings
    if record.status == "ok" and metric not in known:
        kind = "ratio" if ratio else "reading"
        raise BenchError(f"the record has no {kind} '{metric}'.{did_you_mean(metric, known)}")
    if record.status != "ok":
        return Badge(metric, record.status, "lightgrey")
    badge = _of_ratio(metric, record.ratios[metric]) if ratio else _of_reading(metric, record.readings[metric])
    verdict_, _ = doubt(record, metric)
    return badge if verdict_ == "valid" else Badge(badge.label, f"{badge.message} {verdict_}", "lightgrey")


def doubt(record: Record, metric: str) -> tuple[str, tuple[str, ...]]:
    """Return the verdict on one metric of a record, and the reasons: "valid", "suspect" or "invalid".

    Records in which no reading has a verdict of its own, as old ones, doubt everything that takes time to read.
    """
    reading = record.readings.get(metric)
    if any(each.verdict != "valid" for each in record.readings.values()):
        return (str(reading.verdict), reading.reasons) if reading else ("valid", ())
    if metric == "quality" or (reading is not None and reading.class_ == "counted"):
        return "valid", ()
    return str(record.validity.get("verdict", "valid")), tuple(record.validity.get("reasons", ()))


def endpoint(badge: Badge) -> str:
    """Return the badge for https://shields.io/badges/endpoint-badge."""
    texts = {"label": plain(badge.label, 60), "message": plain(badge.message, 80)}
    return json.dumps({"schemaVersion": 1, **texts, "color": badge.colour}, ensure_ascii=False) + "\n"


def svg(badge: Badge) -> str:
    """Return the badge as SVG: no script, no style sheet, no font or image from elsewhere."""
    label, message = plain(badge.label, 60), plain(badge.message, 80)
    left, right = _width(label), _width(message)
    size = {"width": str(left + right), "height": str(HEIGHT)}
    root = ET.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img", "aria-label": f"{label}: {message}"}
    )
    ET.SubElement(root, "title").text = f"{label}: {message}"
    for start, width, fill in ((0, left, "#555"), (left, right, COLOURS[badge.colour])):
        ET.SubElement(root, "rect", {"x": str(start), "width": str(width), "height": str(HEIGHT), "fill": fill})
    group = ET.SubElement(
        root, "g", {"fill": "#fff", "font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11"}
    )
    for start, width, text in ((0, left, label), (left, right, message)):
        # textLength holds the text inside its half, whatever font is there.
        place = {"x": str(start + PADDING), "y": "14", "textLength": str(width - 2 * PADDING)}
        ET.SubElement(group, "text", place).text = text
    return ET.tostring(root, encoding="unicode") + "\n"


def _of_reading(metric: str, reading: Reading) -> Badge:
    if reading.value is None:
        return Badge(metric, "unavailable", "lightgrey")
    unit = "%" if reading.unit == "1" and metric == "quality" else reading.unit
    estimated = reading.class_ == "estimated"
    shown = format_quantity(reading.value, unit, 2 if estimated else 3)
    marked = "" if reading.class_ in ("measured", "counted") else f" {reading.class_}"
    return Badge(metric, shown + marked, "lightgrey" if estimated else "blue")


def _of_ratio(metric: str, ratio: Ratio) -> Badge:
    marked = "" if ratio.class_ in ("measured", "counted") else f" {ratio.class_}"
    shown = f"{ratio.value:.2f}x{marked}"
    known = ratio.low is not None and ratio.high is not None and math.isfinite(ratio.high)
    if not known or ratio.class_ == "estimated":
        return Badge(f"{metric} ratio", shown if known else f"{shown}, no interval", "lightgrey")
    assert ratio.low is not None and ratio.high is not None
    colour = "brightgreen" if ratio.high < 1 else "orange" if ratio.low > 1 else "blue"
    return Badge(f"{metric} ratio", shown, colour)


def _width(text: str) -> int:
    """Return about how wide Verdana sets a text at 11 px, with its padding."""
    widths = [4 if char in NARROW else 11 if char in WIDE or ord(char) > 0x2E80 else 7 for char in text]
    return sum(widths) + 2 * PADDING
