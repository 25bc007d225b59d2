"""Quality, its drop whichever way the metric points, limits, and size after compression."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.derive import compressed_bytes, derive_quality
from bench.derive.limits import judge_limits
from bench.reading import Reading

HIGHER = {"name": "accuracy", "unit": "1", "higher_is_better": True}
LOWER = {"name": "perplexity", "unit": "1", "higher_is_better": False}
RIGHT = np.array([1.0] * 90 + [0.0] * 10)
WORSE = np.array([1.0] * 80 + [0.0] * 20)


def drop(metric: Any, outcomes: Any, baseline: Any) -> Any:
    return derive_quality(metric, outcomes, baseline).facts["drop"]


def test_quality_has_its_interval_and_its_metric() -> None:
    found = derive_quality(HIGHER, RIGHT, None)
    assert (found.value, found.n, found.unit, found.class_) == (0.9, 100, "1", "measured")
    assert 0.8 < found.low < 0.9 < found.high < 0.96
    assert found.facts == {"metric": "accuracy", "higher_is_better": True}


def test_a_drop_is_positive_when_it_is_worse() -> None:
    worse = drop(HIGHER, WORSE, RIGHT)
    assert worse["value"] == pytest.approx(0.1)
    assert worse["low"] <= worse["value"] <= worse["high"]
    assert (worse["gained"], worse["lost"]) == (0, 10)
    better = drop(HIGHER, RIGHT, WORSE)
    assert better["value"] == pytest.approx(-0.1)
    assert (better["gained"], better["lost"]) == (10, 0)


def test_a_drop_of_a_metric_where_less_is_better() -> None:
    rng = np.random.default_rng(0)
    losses = rng.gamma(2.0, 1.0, 300)
    worse = drop(LOWER, losses + 0.5, losses)
    assert worse["value"] == pytest.approx(0.5)
    assert (worse["gained"], worse["lost"]) == (0, 300)
    assert drop(LOWER, losses - 0.5, losses)["value"] == pytest.approx(-0.5)
    assert drop(LOWER, losses - 0.5, losses)["gained"] == 300


def test_identical_outcomes_leave_doubt_about_examples_not_seen_and_so_do_flips() -> None:
    """Bonett & Price (2012): of 20 identical right/wrong outcomes the drop may still be an eighth."""
    found = drop(HIGHER, RIGHT[-20:], RIGHT[-20:].copy())
    assert (found["value"], found["gained"], found["lost"]) == (0.0, 0, 0)
    assert (found["low"], found["high"]) == (pytest.approx(-0.126, abs=1e-3), pytest.approx(0.126, abs=1e-3))
    assert drop(HIGHER, RIGHT, RIGHT.copy())["high"] < found["high"]
    swapped = RIGHT[::-1].copy()
    found = drop(HIGHER, swapped, RIGHT)
    assert found["value"] == 0.0
    assert found["low"] < 0 < found["high"]
    assert (found["gained"], found["lost"]) == (10, 10)


def test_outcomes_that_are_all_one_number_bound_nothing() -> None:
    same = np.full(5, 0.7)
    found = derive_quality(LOWER, same, same.copy())
    assert (found.value, found.low, found.high) == (pytest.approx(0.7), None, None)
    assert found.facts["drop"] == {"value": 0.0, "low": None, "high": None, "gained": 0, "lost": 0}
    losses = np.array([0.1, 0.5, 0.9, 1.3, 1.7])
    shifted = drop(LOWER, losses + 0.5, losses)  # every example moved by as much: the next one need not
    assert shifted["low"] < 0.5 < shifted["high"]
    one = derive_quality(LOWER, losses[:1], losses[:1])
    assert (one.low, one.high, one.facts["drop"]["low"]) == (None, None, None)


@pytest.mark.parametrize(("mine", "theirs"), [(RIGHT, RIGHT[:50]), (RIGHT[:50], RIGHT), (RIGHT[:0], RIGHT)])
def test_outcomes_of_other_examples_than_the_baselines_are_no_quality(mine: Any, theirs: Any) -> None:
    with pytest.raises(ValueError, match="the task graded"):
        derive_quality(HIGHER, mine, theirs)


READINGS = {
    "size": Reading.counted(100, "B"),
    "memory": Reading.missing("B", "why"),
    "latency": Reading("s", "measured", 1.0, facts={"quantiles": {"p50": [1.0, 0.9, 1.1], "p90": [2.0, None, None]}}),
    "quality": derive_quality(HIGHER, WORSE, RIGHT),
}


@pytest.mark.parametrize(
    ("name", "limit", "value", "ok"),
    [
        ("size", 100.0, 100, True),
        ("size", 99.0, 100, False),
        ("latency_p90", 2.5, 2.0, True),
        ("latency_p90", 1.5, 2.0, False),
        ("latency_p50", 1.0, 1.0, True),
        ("latency_p99", 9.0, None, None),
        ("latency", 0.5, 1.0, False),
        ("quality_drop", 0.11, pytest.approx(0.1), True),
        ("quality_drop", 0.05, pytest.approx(0.1), False),
        ("quality_loss", 0.2, pytest.approx(0.1 / 0.9), True),
        ("quality_loss", 0.1, pytest.approx(0.1 / 0.9), False),
        ("memory", 1.0, None, None),
        ("energy", 1.0, None, None),
    ],
)
def test_limits(name: str, limit: float, value: Any, ok: bool | None) -> None:
    assert judge_limits({name: limit}, READINGS) == {name: {"limit": limit, "value": value, "ok": ok}}


def test_the_baseline_has_no_drop_to_judge() -> None:
    alone = {"quality": derive_quality(HIGHER, RIGHT, None)}
    assert judge_limits({"quality_drop": 0.01}, alone)["quality_drop"]["ok"] is None
    assert judge_limits({"quality_drop": 0.01}, {})["quality_drop"]["ok"] is None
    assert judge_limits({"quality_loss": 0.01}, alone)["quality_loss"]["ok"] is None


def test_zeros_pay_only_when_compressed(tmp_path: Path) -> None:
    zeros, noise = tmp_path / "zeros", tmp_path / "noise"
    zeros.write_bytes(b"\0" * 3_000_000)
    noise.write_bytes(np.random.default_rng(0).bytes(3_000_000))
    assert compressed_bytes(zeros) < 3000
    assert 2_990_000 < compressed_bytes(noise) < 3_010_000
    assert compressed_bytes(tmp_path) == compressed_bytes(zeros) + compressed_bytes(noise)
    (tmp_path / "empty").write_bytes(b"")
    assert 0 < compressed_bytes(tmp_path / "empty") < 20
