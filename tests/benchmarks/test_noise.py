"""The benchmark of doubt: replayed with few resamples, and its live figures from runs made up."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def noise():
    spec = importlib.util.spec_from_file_location("noise_benchmark", SCRIPTS / "noise.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


def test_recorded_runs_that_are_off_are_doubted(noise):
    runs, truth = noise.replayed(noise.RECORDINGS, 60, 0)
    found = noise.replay_figures(runs, truth)
    assert truth == pytest.approx(0.99e-3, abs=0.03e-3)
    assert found["replay_off_heavy_pct"] > 40
    assert found["replay_off_light_pct"] < 5
    assert found["replay_flagged_of_off_pct"] >= 95
    assert found["replay_flagged_heavy_pct"] >= 95
    assert found["replay_flagged_light_pct"] < 90


def test_the_replay_can_fail(noise, monkeypatch):
    monkeypatch.setattr(noise, "doubts", lambda launches, cell, threads: [])
    assert noise.replay_figures(*noise.replayed(noise.RECORDINGS, 40, 0))["replay_flagged_of_off_pct"] == 0


def made(noise, regime, p50, verdict, calls="short"):
    return noise.Run(regime, calls, p50, p50 * 0.97, verdict)


def test_live_figures(noise):
    alone = [made(noise, "alone", 1e-3 * (1 + at / 1000), "suspect" if at == 0 else "valid") for at in range(20)]
    long = [made(noise, "alone", 12e-3, "valid", "long") for _ in range(4)]
    busy = [made(noise, "busy4", 1.02e-3, "suspect"), made(noise, "busy4", 30e-3, "suspect", "long")]
    lucky = made(noise, "busy4", 14e-3, "valid", "long")
    found = noise.live_figures([*alone, *long, *busy, lucky, made(noise, "busy1", 1e-3, "valid")])
    assert found["runs"] == 28
    assert found["truth_ms"] == pytest.approx(1.0095)
    assert found["truth_long_ms"] == 12
    assert found["off_runs"] == 2
    assert found["flagged_of_off_pct"] == 50
    assert found["false_flags_alone_pct"] == pytest.approx(100 / 24)
    assert found["flagged_alone_pct"] == pytest.approx(100 / 24)
    assert found["off_busy4_pct"] == pytest.approx(200 / 3)
    assert (found["flagged_busy1_pct"], found["off_busy1_pct"]) == (0, 0)


def test_a_claim_about_no_runs_is_left_out(noise):
    found = noise.live_figures([made(noise, "alone", 1e-3, "valid") for _ in range(3)])
    assert found["false_flags_alone_pct"] == 0
    assert not {"flagged_of_off_pct", "flagged_busy4_pct", "truth_long_ms"} & found.keys()


def test_regimes_are_interleaved_and_both_lengths_measured(noise, monkeypatch):
    asked = []
    monkeypatch.setattr(noise, "live", lambda regime, calls, seed: asked.append((regime, calls)) or seed)
    monkeypatch.setattr(
        noise.subprocess, "Popen", lambda *_: type("P", (), {"kill": lambda s: None, "wait": lambda s: None})()
    )
    seeds = list(noise.live_runs(8, 2, 4))
    assert len(set(seeds)) == 14
    assert asked.count(("alone", "short")) == asked.count(("alone", "long")) == 4
    assert asked.count(("busy4", "long")) == asked.count(("busy1", "short")) * 2 == 2
    assert {"alone", "busy4", "busy1"} == {regime for regime, _ in asked[:3]}


def test_one_json_document(noise, capsys):
    noise.main(["--replay", "--resamples", "3", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["figures"]["replay_flagged_heavy_pct"] == 100
    assert "cores" in printed["machine"]
