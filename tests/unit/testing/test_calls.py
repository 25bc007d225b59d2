"""Blocks of a process: what the interval holds, and what it does not claim. No clock decides anything."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.store import Launch
from bench.testing import calls
from bench.testing.measured import both

N, ROUNDS = 20, 40


def launch(model_ns: float, slow_share: float = 0.0, cpu: bool = True) -> Launch:
    """Return recorded blocks of a 1 ms baseline and a model, with the noise of preemption on both."""
    dice = np.random.default_rng(3)

    def side(ns: float, share: float) -> np.ndarray:
        walls = ns * (1 + 0.01 * dice.random((ROUNDS, N)))
        walls *= np.where(dice.random((ROUNDS, N)) < share, 1.5, 1.0)
        tail = np.zeros((ROUNDS, 5))
        tail[:, 0] = walls.sum(axis=1) if cpu else 0
        walls[dice.random((ROUNDS, N)) < 0.05] *= 20  # preempted: wall time, no processor time
        return np.concatenate([walls, tail], axis=1).astype(np.int64)

    return Launch({"n": N}, {"model": side(model_ns, slow_share), "baseline": side(1e6, 0.0)})


@pytest.mark.parametrize("factor", [1.0, 1.1, 0.5])
def test_the_ratio_holds_the_truth_in_spite_of_preemption(factor: float) -> None:
    ratio = calls._ratio(launch(1e6 * factor))
    assert ratio.low < factor < ratio.high
    assert ratio.high / ratio.low < 1.05


def test_no_interval_is_narrower_than_what_a_process_shares() -> None:
    ratio = calls._ratio(launch(1e6))
    assert math.log(ratio.high / ratio.low) >= 2 * calls.LAYOUT


def test_slow_downs_of_some_calls_are_seen_by_processor_time() -> None:
    ratio = calls._ratio(launch(1e6, slow_share=0.2))
    assert ratio.low > 1.05
    assert ratio.facts["floor"][2] < 1.03


def test_without_a_processor_clock_the_floor_stands() -> None:
    assert calls._ratio(launch(1e6, cpu=False)).low < 1.0


def test_both_channels_are_kept() -> None:
    ratio = both((1.0, 0.99, 1.01), (1.2, 1.1, 1.3), 9, "m")
    assert (ratio.value, ratio.facts["floor"]) == (1.2, [1.0, 0.99, 1.01])
    assert both((1.0, 0.9, 1.1), (1.2, 1.05, 1.3), 9, "m").value == 1.0


def test_a_callable_is_measured_beside_its_baseline() -> None:
    made = []
    found = calls.measure_calls(lambda: made.append(1), lambda: None, 0.0, None)
    assert set(found.readings) == set(found.baseline) == {"latency", "memory", "energy"}
    assert found.readings["energy"].class_ == "unavailable"
    assert "2 %" in found.notes[0]
    assert len(found.calls) < len(made)


def test_an_estimate_of_energy_stays_one() -> None:
    meter = {
        "meter": "m",
        "version": "1",
        "watts_per_cpu": 3.0,
        "factor": 2.0,
        "kind": "model",
        "domains": ["cpu"],
        "source": "s",
    }
    found = calls.measure_calls(lambda: sum(range(1000)), None, 0.0, meter)
    assert found.readings["energy"].class_ == "estimated"
    assert found.ratios == {}
