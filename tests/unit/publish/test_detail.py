from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.publish.detail import sheet
from bench.reading import Reading
from bench.record import Ratio, Record

Make = Callable[..., Record]


def lines(record: Record, heading: str) -> list[tuple[str, ...]]:
    return [line for part in sheet(record, "r-x").sections if part.heading == heading for line in part.rows]


def everything(record: Record) -> str:
    return " ".join(
        " ".join((part.heading, part.text, *map(" ".join, part.rows))) for part in sheet(record, "r").sections
    )


def test_quantiles_have_their_intervals(make: Make) -> None:
    facts = {"quantiles": {"p50": [0.01, 0.0099, 0.0101], "p99": 0.02}}
    record = make("a", latency=None, readings={"latency": Reading("s", "measured", 0.01, facts=facts)})
    assert lines(record, "Latency quantiles") == [("p50", "10.00 ms [9.90, 10.10]"), ("p99", "20 ms")]


def test_every_joule_in_the_details_says_how_it_was_obtained(make: Make) -> None:
    energy = Reading(
        "J",
        "estimated",
        0.02,
        0.01,
        0.04,
        7,
        "cpu-seconds",
        facts={"gross": 0.02, "net": 0.01, "idle_w": 1.9, "window_s": 2.0},
    )
    record = make(
        "a",
        "prune",
        readings={"energy": energy},
        ratios={"energy": Ratio(0.5, 0.4, 0.6, "base", "paired", class_="measured")},
        limits={"energy": {"limit": 0.05, "value": 0.02, "ok": True}},
        compression={"seconds": 3.0, "energy": {"value": 12.0, "unit": "J", "class": "estimated"}},
    )
    facts = dict(lines(record, "How each reading was obtained"))
    assert all("estimated" in facts[f"energy: {name}"] for name in ("gross", "net", "idle w"))
    assert facts["energy: window s"] == "2"
    assert "estimated" in lines(record, "Ratios to the baseline")[0][2]
    assert "estimated" in lines(record, "Limits of the suite")[0][2]
    assert dict(lines(record, "Cost of compression"))["energy"] == "12 J ○ estimated"


def test_energy_of_an_unknown_class_counts_as_unavailable(make: Make) -> None:
    record = make("a", "prune", compression={"energy": {"value": 12.0, "unit": "J", "class": "guessed"}})
    assert "unavailable" in dict(lines(record, "Cost of compression"))["energy"]


def test_limits_are_in_the_units_people_set(make: Make) -> None:
    limits = {
        "quality_drop": {"limit": 0.01, "value": 0.004, "ok": True},
        "latency_p90": {"limit": 0.03, "value": 0.04, "ok": False},
        "size": {"limit": 2e7, "value": None, "ok": None},
    }
    assert lines(make("a", limits=limits), "Limits of the suite") == [
        ("quality drop", "1 pp", "0.4000 pp", "✓ met"),
        ("latency p90", "30 ms", "40 ms", "✕ missed"),
        ("size", "20 MB", "—", "not judged"),
    ]


def test_lineage_machine_versions_and_the_command_are_there(make: Make) -> None:
    record = make(
        "a",
        "prune",
        lineage=({"step": "prune", "seconds": 1.25},),
        machine={"processor": "Cortex", "governor": None},
        versions={"torch": "2.12"},
        audit={"verdict": "effective"},
        reproduce="bench reproduce a",
        steps=({"plugin": "bench_prune", "version": "0.1.0"},),
        detail="Traceback\n  line",
    )
    text = everything(record)
    for word in (
        "seconds: 1.25",
        "Cortex",
        "2.12",
        "effective",
        "bench reproduce a",
        "bench_prune 0.1.0",
        "Traceback\n  line",
    ):
        assert word in text
    assert "governor" not in text


def test_a_record_with_nothing_still_has_its_outcome(make: Make) -> None:
    record = make("a", latency=None, quality=None, status="failed", reason="boom")
    assert ("Status", "failed: boom") in lines(record, "Outcome")


def test_damaged_parts_are_left_out_or_shown_as_text(make: Make) -> None:
    damaged: dict[str, Any] = {
        "machine": "not a mapping",
        "limits": [1, 2],
        "audit": None,
        "compression": 3,
        "validity": [],
    }
    text = everything(make("a", **damaged))
    assert "invalid" in text
