"""A report as each reader gets it, compared with the ones kept; BENCH_UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from bench.gate.render import junit, md_comment, md_summary, text, workflow_commands
from bench.gate.verdicts import GateReport

GOLDEN = Path(__file__).parent / "golden"
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
RENDERERS = {
    "text.txt": text,
    "comment.md": md_comment,
    "summary.md": md_summary,
    "junit.xml": lambda report: junit(report, WHEN),
    "github.txt": lambda report: workflow_commands(report, Path("/checkout")),
}


@pytest.mark.parametrize("name", RENDERERS)
def test_a_report_is_rendered_as_it_was(name: str, mixed: GateReport) -> None:
    found, path = RENDERERS[name](mixed), GOLDEN / name
    if os.environ.get("BENCH_UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), "read the difference; then BENCH_UPDATE_GOLDEN=1 pytest"
