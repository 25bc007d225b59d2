"""Ranges of activations: what a histogram keeps, and which part of it each method takes."""

import warnings

import numpy as np
import pytest
from bench_quantize import ranges
from bench_quantize.ranges import Histogram
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

BATCHES = st.lists(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=20), elements=st.floats(-1e4, 1e4, width=32)),
    min_size=1,
    max_size=4,
)


def filled(*batches):
    seen = Histogram()
    for each in batches:
        seen.add(each)
    return seen


@settings(deadline=None, max_examples=50)
@given(BATCHES)
def test_nothing_seen_is_lost_however_the_histogram_grows(batches):
    seen = filled(*batches)
    values = np.concatenate([each.reshape(-1) for each in batches])
    assert seen.counts.sum() == len(values)
    assert abs(values).max() <= seen.reach * (1 + 1e-6)
    edges = np.linspace(-seen.reach, seen.reach, len(seen.counts) + 1)
    width = edges[1] - edges[0]
    for part in (0.25, 0.5, 0.75):
        bound = edges[int(part * len(seen.counts))]
        found = int(seen.counts[: int(part * len(seen.counts))].sum())
        assert (values < bound - width * 1e-3).sum() <= found <= (values <= bound + width * 1e-3).sum()


@settings(deadline=None, max_examples=50)
@given(BATCHES, st.sampled_from(["minmax", "entropy", "percentile"]))
def test_no_range_is_wider_than_what_was_seen(batches, method):
    low, high = filled(*batches).range(method)
    values = np.concatenate([each.reshape(-1) for each in batches])
    assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0)


def test_minmax_is_the_smallest_and_the_largest():
    assert filled([1.0, -3.0], [[2.5]]).range("minmax") == (-3.0, 2.5)


def test_the_percentile_leaves_out_as_much_on_either_side():
    values = np.random.default_rng(0).normal(size=400_000).astype(np.float32)
    low, high = filled(values).range("percentile")
    assert (values < low).mean() == pytest.approx(0.00005, abs=4e-5)
    assert (values > high).mean() == pytest.approx(0.00005, abs=4e-5)


def test_one_outlier_moves_only_the_minmax_range():
    values = np.abs(np.random.default_rng(1).normal(size=200_000)).astype(np.float32)
    values[7] = 40.0
    seen = filled(values)
    assert seen.range("minmax")[1] == 40.0
    assert seen.range("percentile")[1] < 6
    assert seen.range("entropy")[1] < 20


@pytest.mark.parametrize("seed", range(3))
def test_the_entropy_range_is_onnxruntimes(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnxruntime.quantization.calibrate import HistogramCollector
    values = np.random.default_rng(seed).laplace(size=20_000).astype(np.float32)
    reach = float(abs(values).max())
    counts, edges = np.histogram(values, ranges.ENTROPY_BINS, (-reach, reach))
    collector = HistogramCollector("entropy", False, ranges.ENTROPY_BINS, ranges.LEVELS, 99.99, "same")
    theirs = collector.get_entropy_threshold((counts, edges, -np.inf, np.inf), ranges.LEVELS)
    assert ranges.entropy_range(counts, reach) == pytest.approx([float(each) for each in theirs])


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        Histogram().add([1.0, -np.inf])
