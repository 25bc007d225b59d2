"""Sampled power in virtual time: the stated uncertainty covers, and what cannot be known makes no value."""

import math

import numpy as np
import pytest

from bench.measure.energy.samples import Samples, integrate
from bench.measure.energy.wrap import InvalidWindow


def test_constant_power_is_exact(sampled, traces):
    window = sampled(traces("constant", 0))
    reading = window.reading()
    assert reading.value == pytest.approx(window.truth_j, rel=1e-12)
    assert reading.high - reading.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("trace", "worst"), [("step", 0.01), ("step-inside", 0.02), ("sine", 0.15), ("slow-sine", 0.1), ("bursts", 0.4)]
)
def test_the_interval_covers_the_truth(sampled, traces, trace, worst):
    hits, runs = 0, 150
    for seed in range(runs):
        window = sampled(traces(trace, seed), seed=seed)
        reading = window.reading()
        hits += reading.low <= window.truth_j <= reading.high
        assert (reading.high - reading.value) / reading.value < worst, "an interval that holds everything says nothing"
    assert hits / runs >= 0.92


def test_jitter_breaks_the_lock_on_bursts(sampled, traces):
    errors = [
        window.reading().value / window.truth_j - 1
        for window in (sampled(traces("bursts", seed), seed=seed, window_s=60.0) for seed in range(30))
    ]
    assert abs(np.mean(errors)) < 0.03, "a poller in step would be off by -47 % or +426 %, always the same way"


def test_a_short_window_is_suspect(sampled, traces):
    assert sampled(traces("constant", 0), window_s=5.0).reading().verdict == "suspect"
    assert sampled(traces("constant", 0), window_s=30.0).reading().verdict == "valid"


def test_every_joule_names_its_provenance(sampled, traces):
    reading = sampled(traces("sine", 1)).reading()
    assert (reading.class_, reading.unit, reading.meter, reading.facts["kind"]) == ("measured", "J", "trace", "power")
    assert reading.facts["by_domain"] == {"gpu:0": pytest.approx(reading.value)}
    parts = dict(reading.facts["uncertainty"])
    assert parts.pop("total_j") == pytest.approx(sum(parts.values()))
    assert set(parts) == {"edges_j", "quantum_j", "ripple_j", "gaps_j", "calibration_j"}
    for name in ("meter_version", "domains", "period_s", "window_s", "n_windows", "n_invalid", "share", "steal"):
        assert name in reading.facts
    assert 0 <= reading.facts["sampling"]["late_p50_s"] <= reading.facts["sampling"]["late_max_s"] < 0.01


def spoilt(samples, row, watts=None, shift_s=0.0):
    table, at = samples.watts.copy(), samples.at_s.copy()
    if watts is not None:
        table[row] = watts
    at[row:] += shift_s
    return Samples(at, samples.late_s, table)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda s: spoilt(s, 40, math.nan), "a read of trace failed"),
        (lambda s: spoilt(s, 40, -1.0), "cannot be negative"),
        (lambda s: spoilt(s, 40, 301.0), r"above 1\.2 times its limit of 250 W"),
        (lambda s: spoilt(s, 40, shift_s=1.2), "nothing was sampled for"),
        (lambda s: spoilt(s, 0, shift_s=0.5), "over both edges"),
        (lambda s: Samples(s.at_s[:-1], s.late_s[:-1], s.watts[:-1]), "over both edges"),
    ],
)
def test_faults_make_an_invalid_window(sampled, traces, fault, reason):
    window = sampled(traces("constant", 0))
    window.samples = fault(window.samples)
    with pytest.raises(InvalidWindow, match=reason):
        window.reading()


def test_too_few_samples_have_no_interval(sampled, traces):
    with pytest.raises(InvalidWindow, match="at least 10 are needed"):
        sampled(traces("constant", 0), window_s=0.5).reading()


def test_no_samples_are_no_window():
    with pytest.raises(InvalidWindow, match="no samples"):
        Samples.of([])


def test_a_late_sampler_widens_the_interval(sampled, traces):
    window = sampled(traces("sine", 3))
    source = window.meter.sources[0]
    late = spoilt(window.samples, 100, shift_s=0.6)
    found = integrate(late, 0, source, start_s=window.start_s, stop_s=window.stop_s, interval_s=0.1)
    assert found.uncertainty.gaps_j > 0


def test_what_the_sensor_states_enters_the_uncertainty(sampled, traces):
    window = sampled(traces("constant", 0))
    source = window.meter.sources[0]
    source.calibration, source.quantum_w = 0.05, 0.5
    parts = window.reading().facts["uncertainty"]
    assert parts["calibration_j"] == pytest.approx(0.05 * window.truth_j)
    assert parts["quantum_j"] == pytest.approx(0.25 * 30)
