"""Badges say what was found, and how."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.gate.badge import COLOURS, Badge, endpoint, gate_badge, record_badge, svg
from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell

READINGS = {
    "latency": Reading("s", "measured", 0.00321, 0.0031, 0.0033),
    "energy": Reading("J", "estimated", 0.0012345, 0.0006, 0.0024),
    "size": Reading.counted(2_550_000, "B"),
    "quality": Reading("1", "measured", 0.965, 0.95, 0.98),
    "memory": Reading.missing("B", "no"),
}
RATIOS = {
    "latency": Ratio(0.52, 0.51, 0.53, "base", "paired"),
    "memory": Ratio(1.2, 1.1, 1.3, "base", "paired"),
    "energy": Ratio(0.5, 0.4, 0.6, "base", "paired", class_="estimated"),
    "startup": Ratio(0.5, None, None, "base", "paired"),
}


def record(**more) -> Record:
    return Record("r", "ok", Cell("s", "toy", (), "torch"), readings=READINGS, ratios=RATIOS, **more)


@pytest.mark.parametrize(
    ("metric", "message", "colour"),
    [
        ("latency", "3.21 ms", "blue"),
        ("energy", "1.2 mJ estimated", "lightgrey"),
        ("size", "2.55 MB", "blue"),
        ("quality", "96.5%", "blue"),
        ("memory", "unavailable", "lightgrey"),
    ],
)
def test_a_reading(metric: str, message: str, colour: str) -> None:
    assert record_badge(record(), metric) == Badge(metric, message, colour)


@pytest.mark.parametrize(
    ("metric", "message", "colour"),
    [
        ("latency", "0.52x", "brightgreen"),
        ("memory", "1.20x", "orange"),
        ("energy", "0.50x estimated", "lightgrey"),
        ("startup", "0.50x, no interval", "lightgrey"),
    ],
)
def test_a_ratio(metric: str, message: str, colour: str) -> None:
    assert record_badge(record(), metric, ratio=True) == Badge(f"{metric} ratio", message, colour)


def test_doubt_is_said_of_what_was_timed_and_of_nothing_else() -> None:
    doubted = record(validity={"verdict": "suspect", "reasons": ["busy"]})
    assert record_badge(doubted, "latency") == Badge("latency", "3.21 ms suspect", "lightgrey")
    assert record_badge(doubted, "size").message == "2.55 MB"


def test_the_doubt_of_a_reading_is_its_own() -> None:
    readings = {**READINGS, "latency": replace(READINGS["latency"], verdict="invalid", reasons=("throttled",))}
    odd = replace(record(validity={"verdict": "invalid", "reasons": ["throttled"]}), readings=readings)
    assert record_badge(odd, "latency").message == "3.21 ms invalid"
    assert record_badge(odd, "latency", ratio=True).message == "0.52x invalid"
    assert record_badge(odd, "energy").message == "1.2 mJ estimated"


def test_what_did_not_run_has_no_number() -> None:
    gone = Record("r", "oom", Cell("s", "toy", (), "torch"))
    assert record_badge(gone, "latency") == Badge("latency", "oom", "lightgrey")


def test_an_unknown_metric_is_an_error() -> None:
    with pytest.raises(BenchError, match="Did you mean 'latency'"):
        record_badge(record(), "latancy")


@pytest.mark.parametrize(("outcome", "message", "colour"), [("pass", "pass", "brightgreen"), ("fail", "fail", "red")])
def test_a_gate(outcome: str, message: str, colour: str) -> None:
    cells = (CellVerdict("1", "a", (MetricVerdict("size", "exact", outcome, ""),)),)
    assert gate_badge(GateReport("s", "main", cells)) == Badge("bench gate", message, colour)
    assert gate_badge(GateReport("s", "main", ())).colour == "lightgrey"


def test_the_endpoint_is_what_shields_reads() -> None:
    found = json.loads(endpoint(Badge("energy", "1.2 mJ estimated", "lightgrey")))
    assert found == {"schemaVersion": 1, "label": "energy", "message": "1.2 mJ estimated", "color": "lightgrey"}


@settings(deadline=None)
@given(st.text(), st.text(), st.sampled_from(sorted(COLOURS)))
def test_any_text_gives_the_same_drawing(label: str, message: str, colour: str) -> None:
    root = ET.fromstring(svg(Badge(label, message, colour)))
    tags = [each.tag.rpartition("}")[2] for each in root.iter()]
    assert tags == ["svg", "title", "rect", "rect", "g", "text", "text"]
    assert not [name for each in root.iter() for name in each.attrib if name.startswith("on") or "href" in name]
    assert json.loads(endpoint(Badge(label, message, colour)))["schemaVersion"] == 1
