"""The page of a fixed set of records, compared with the one kept; BENCH_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from bench.publish import render
from bench.reading import Reading
from bench.record import Record

GOLDEN = Path(__file__).parent / "golden" / "board.html"


def fixed(synthetic: ModuleType) -> list[Record]:
    """Return records of every kind: measured, estimated, suspect, failed, with readings missing."""
    base, int8, static, half = synthetic.records(4)
    other, gone = synthetic.records(6, per_group=2)[4:]
    suspect = replace(static, validity={"verdict": "suspect", "reasons": ["latency drifted by 14%"]})
    readings = {**half.readings, "energy": Reading.missing("J", "no energy meter can read here")}
    del readings["memory"]
    reason = "no route from litert to onnxruntime: run 'bench env build litert'"
    lost = replace(gone, status="unsupported", reason=reason, readings={}, ratios={}, limits={})
    return [base, int8, suspect, replace(half, readings=readings), other, lost]


def settled(page: str) -> str:
    """Return the page without what is tested elsewhere: script, style, their hashes, compressed data."""
    page = re.sub(r"(<script>|<style>).*?(</script>|</style>)", r"\1…\2", page, flags=re.DOTALL)
    page = re.sub(r'(octet-stream" id="\w+">)[^<]*', r"\1…", page)
    return re.sub(r"&#39;sha256-[^ ;]*?&#39;", "sha256-…", page)


def test_the_page_is_as_it_was(synthetic: ModuleType) -> None:
    page = settled(
        render(fixed(synthetic), title="Golden board", generated="2026-01-01 12:00", records_link="records.jsonl")
    )
    if os.environ.get("BENCH_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8"), (
        "if the change is wanted: BENCH_UPDATE_GOLDEN=1 pytest tests/reports"
    )
