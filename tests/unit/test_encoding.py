"""Bytes of weights in the smallest encoding."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.encoding import StoredWeights, encoded_bytes

DICE = np.random.default_rng(3)
NORMAL = DICE.standard_normal((64, 96)).astype(np.float32)


def test_random_floats_stay_dense() -> None:
    assert encoded_bytes(NORMAL).way == "dense"
    assert encoded_bytes(NORMAL).bytes == NORMAL.nbytes


def test_zeros_take_a_bit_each() -> None:
    weight = NORMAL.copy()
    weight[:48] = 0
    found = encoded_bytes(weight)
    assert (found.way, found.bytes) == ("bitmap", 64 * 96 // 8 + 16 * 96 * 4)


@pytest.mark.parametrize("axis", [None, 1, 0], ids=["tensor", "rows", "columns"])
@pytest.mark.parametrize("levels", [7, 127])
def test_fake_quantised_weights_lie_on_a_grid(axis: int | None, levels: int) -> None:
    scale = np.abs(NORMAL).max(axis=axis, keepdims=True) / levels
    found = encoded_bytes((np.round(NORMAL / scale) * scale).astype(np.float32))
    assert found.way in ("grid", "codebook")
    assert found.bytes < 0.3 * NORMAL.nbytes
    assert found.levels is not None
    assert found.levels <= 2 * levels + 1


def test_an_offset_is_part_of_a_grid() -> None:
    low, step = NORMAL.min(), np.ptp(NORMAL) / 255
    assert encoded_bytes((np.round((NORMAL - low) / step) * step + low).astype(np.float32)).bytes < 0.3 * NORMAL.nbytes


def test_few_values_are_a_codebook() -> None:
    levels = DICE.standard_normal(16).astype(np.float32)
    found = encoded_bytes(levels[DICE.integers(0, 16, NORMAL.shape)])
    assert (found.way, found.levels, found.bytes) == ("codebook", 16, 16 * 4 + NORMAL.size // 2)


def test_few_values_in_half_precision_save_half_as_much() -> None:
    levels = DICE.standard_normal(16).astype(np.float16)
    found = encoded_bytes(levels[DICE.integers(0, 16, NORMAL.shape)])
    assert found.bytes == 16 * 2 + NORMAL.size // 2


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_never_more_than_dense(rows: int, columns: int, seed: int, zeros: float) -> None:
    dice = np.random.default_rng(seed)
    weight = dice.standard_normal((rows, columns)).astype(np.float32)
    weight[dice.random(weight.shape) < zeros] = 0
    found = encoded_bytes(weight)
    assert 0 < found.bytes <= weight.nbytes
    least = math.ceil(weight.size / 8)
    assert found.bytes >= min(least, weight.nbytes)


@pytest.mark.parametrize("weight", [np.zeros((4, 50), np.float32), np.full((4, 50), 0.3, np.float32)])
def test_one_value(weight: np.ndarray) -> None:
    assert encoded_bytes(weight).bytes <= weight.nbytes // 4


def test_equal_weights_are_stored_once() -> None:
    weights = StoredWeights()
    for _ in range(3):
        weights.add(NORMAL, bits=32, dtype="float32")
    found = weights.reading(3 * NORMAL.nbytes + 100)
    assert found.value == NORMAL.nbytes + 100
    assert found.facts["duplicate_bytes"] == 2 * NORMAL.nbytes
    assert weights.count == 3 * NORMAL.size


def test_indices_are_encoded_already() -> None:
    weights = StoredWeights()
    weights.add_indices(NORMAL, index_bytes=NORMAL.size // 2)
    assert weights.reading(5000).value == 5000
    assert weights.by_dtype == {"indices": NORMAL.size}
    assert weights.bytes == NORMAL.size // 2
