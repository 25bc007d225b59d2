"""The quality gate's script: its sums are exact, and its figures hold on a small grid."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def quality(monkeypatch):
    spec = importlib.util.spec_from_file_location("gate_quality", SCRIPTS / "gate_quality.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
        monkeypatch.setattr(module, "EXAMPLES", (100, 500))
        monkeypatch.setattr(module, "FLIPS", (0.02, 0.05))
        yield module
    finally:
        sys.path[:] = before


def test_the_outcomes_sum_to_all(quality):
    assert sum(quality.shares(500, 0.05, 0.01, 0.01).values()) == pytest.approx(100, abs=0.01)


def test_prints_one_object(quality, capsys):
    assert quality.main(["--json", "--simulations", "20"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    levels = [name for name in figures if "size" in name or "false_pass" in name or "at_limit" in name]
    assert len(levels) == 6
    assert all(figures[name] <= 1.1 for name in levels if "scores" not in name)
    assert figures["quality_n500_inconclusive_pct"] > 90
    assert figures["quality_n2000_drop3_pct"] > 95


def test_prints_a_table_for_people(quality, capsys):
    assert quality.main(["--simulations", "2"]) == 0
    assert "examples  flips %" in capsys.readouterr().out
