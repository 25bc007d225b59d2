"""The replay of recorded launches: regression figures with few resamples, and the shape of what it prints."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
RECORDINGS = ROOT / "benchmarks" / "recordings"


@pytest.fixture(scope="module")
def replay():
    spec = importlib.util.spec_from_file_location("replay_of_recordings", ROOT / "benchmarks" / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def found(replay):
    return replay.figures(list(replay.measure(RECORDINGS, 16, 0)))


def test_coverage_under_peeking(found):
    assert found["coverage_light_pct"] >= 95
    assert found["coverage_heavy_pct"] >= 95
    assert found["coverage_anytime_light_pct"] >= 95
    assert found["coverage_anytime_heavy_pct"] >= 95
    assert found["coverage_simulated_light_pct"] >= 93
    assert found["coverage_simulated_heavy_pct"] >= 93


def test_intervals_are_narrow_soon(found):
    assert found["halfwidth_light_pct"] < 1.0
    assert found["halfwidth_heavy_pct"] < 1.1
    assert found["launches_light"] < 8.5
    assert found["launches_heavy"] < 11
    assert found["reached_light_pct"] > 90


def test_the_replay_can_fail(replay, monkeypatch):
    """Intervals of half the width do not cover as claimed, and the replay says so."""
    honest = replay.ratio_interval

    def boastful(values):
        interval = honest(values)
        third = (interval.high - interval.low) / 6
        return replay.Interval(interval.value, interval.value - third, interval.value + third, 0.95, interval.n, "no")

    monkeypatch.setattr(replay, "ratio_interval", boastful)
    pool = replay.load(RECORDINGS, "light", ("A", "p2"))
    rng = np.random.default_rng(0)
    ends = replay.outcomes(pool, "light", 40, rng, False)
    assert replay.share([each.every_look for each in ends]).value < 93


def test_costs_and_values_are_those_of_the_recordings(replay):
    light, heavy = (replay.load(RECORDINGS, regime, ("A", "A2")) for regime in ("light", "heavy"))
    assert (len(light.values), len(heavy.values)) == (41, 20)
    assert light.seconds.mean() == pytest.approx(1.01, abs=0.01)
    assert heavy.seconds.mean() == pytest.approx(3.15, abs=0.01)
    assert np.median(light.values) == pytest.approx(0.0012, abs=0.0005)


def test_sequences_respect_the_budget_and_the_seed(replay):
    pool = replay.load(RECORDINGS, "heavy", ("A", "p5"))
    first = replay.replayed(pool, 45.0, np.random.default_rng(5))
    assert np.array_equal(first, replay.replayed(pool, 45.0, np.random.default_rng(5)))
    assert 11 <= len(first) <= 17
    assert len(set(first)) == len(first)


def test_one_json_document(replay, capsys):
    assert replay.main(["--resamples", "2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"python", "platform", "cpus"} <= printed["machine"].keys()
    for regime in ("light", "heavy"):
        assert 0 <= printed["figures"][f"coverage_{regime}_pct"] <= 100
        assert printed["figures"][f"halfwidth_{regime}_pct"] > 0


def test_missing_recordings_are_named(replay, tmp_path):
    with pytest.raises(SystemExit, match="light-ort"):
        replay.load(tmp_path, "light", ("A", "A2"))
