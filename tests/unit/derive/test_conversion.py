"""What a conversion did to outputs: the figures, what cannot be compared, and what is allowed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bench.derive.conversion import (
    QUANTISED_TOLERANCE,
    TOLERANCE,
    Different,
    compare,
    conversion_text,
    tolerance_of,
)

REFERENCE = {"output": np.array([[1.0, -4.0], [0.5, 2.0]], dtype=np.float32)}
finite = arrays.arrays(np.float32, (5, 3), elements=st.floats(-1e6, 1e6, width=32))


def test_errors_are_absolute_and_relative_to_the_largest_reference() -> None:
    moved = REFERENCE["output"] + np.array([[0, 0], [2, 0]], dtype=np.float32)
    found = compare(REFERENCE, {"output": moved}, classes=True)
    assert (found.max_abs, found.max_rel, found.top1, found.examples) == (2.0, 0.5, 0.5, 2)
    assert not found.within(0.4)
    assert found.within(0.5)


def test_the_worst_output_counts() -> None:
    one, two = np.ones((4, 2)), np.full((4, 3), 100.0)
    found = compare({"a": one, "b": two}, {"a": one + 0.1, "b": two + 1.0}, classes=False)
    assert (found.max_abs, found.top1) == (1.0, None)
    assert found.max_rel == pytest.approx(0.1)


@given(finite)
def test_a_copy_is_no_error(values: Any) -> None:
    found = compare({"output": values}, {"output": values.copy()}, classes=True)
    assert (found.max_abs, found.max_rel, found.top1) == (0.0, 0.0, 1.0)


@given(finite, finite, st.floats(0.01, 100.0))
def test_the_relative_error_does_not_know_the_unit(ours: Any, theirs: Any, scale: float) -> None:
    first = compare({"o": ours.astype(float)}, {"o": theirs.astype(float)}, classes=False)
    second = compare({"o": ours.astype(float) * scale}, {"o": theirs.astype(float) * scale}, classes=False)
    if first.max_rel is None:
        assert second.max_rel is None
    else:
        assert second.max_rel == pytest.approx(first.max_rel)


def test_an_error_beside_a_reference_of_zeros_has_no_share_and_is_within_nothing() -> None:
    found = compare({"o": np.zeros((2, 2))}, {"o": np.ones((2, 2))}, classes=False)
    assert (found.max_abs, found.max_rel, found.within(1e300)) == (1.0, None, False)


def test_values_that_are_not_finite_on_both_sides_are_left_out() -> None:
    masked = np.array([[1.0, -np.inf]])
    assert compare({"o": masked}, {"o": masked}, classes=False).max_abs == 0.0


@pytest.mark.parametrize(
    ("reference", "outputs", "why"),
    [
        (
            {"a": np.ones((2, 1)), "b": np.ones((2, 1))},
            {"a": np.ones((2, 1))},
            "'b' gone (the source gives 2, the result 1)",
        ),
        ({"a": np.ones((2, 1))}, {"a": np.ones((2, 1)), "c": np.ones((2, 1))}, "'c' new"),
        (
            {"a": np.ones((2, 1)), "b": np.ones((2, 1))},
            {"c": np.ones((2, 1)), "d": np.ones((2, 1))},
            "renamed: the source gives 'a', 'b', the result 'c', 'd'",
        ),
        ({"a": np.ones((2, 3))}, {"a": np.ones((2, 3, 1))}, "shape [2, 3, 1]; the source gives [2, 3]"),
        ({"a": np.ones((2, 3))}, {"b": np.ones((1, 3))}, "shape [1, 3]"),
        ({"a": np.ones((2, 3))}, {"a": np.full((2, 3), np.nan)}, "not finite"),
        ({"a": np.ones((2, 3))}, {"a": np.full((2, 3), "x")}, "holds no numbers"),
        ({"a": np.ones((0, 3))}, {"a": np.ones((0, 3))}, "holds no numbers"),
        ({}, {}, "gives no output"),
    ],
)
def test_what_cannot_be_compared_says_why(reference: Any, outputs: Any, why: str) -> None:
    with pytest.raises(Different) as caught:
        compare(reference, outputs, classes=False)
    assert why in str(caught.value)


def test_a_tolerance_is_the_offers_own_or_follows_what_was_done_before() -> None:
    rounded = {"kind": "compress", "facts": {"activations": "uint8"}}
    weights_only = {"kind": "compress", "facts": {"activations": "float32", "weights": "int4"}}
    assert tolerance_of({}, []) == TOLERANCE
    assert tolerance_of({}, [weights_only, {"kind": "convert", "facts": {}}]) == TOLERANCE
    assert tolerance_of({}, [rounded]) == QUANTISED_TOLERANCE
    assert tolerance_of({"tolerance": 0.02}, [rounded]) == 0.02
    assert tolerance_of({"lossy": True, "tolerance": 0.02}, []) is None


@pytest.mark.parametrize("tolerance", [0, -1.0, True, "wide", None])
def test_a_tolerance_that_is_none_is_not_taken(tolerance: object) -> None:
    assert tolerance_of({"tolerance": tolerance}, []) == TOLERANCE


def test_a_sentence_says_what_was_found() -> None:
    said = {
        "verdict": "same",
        "max_abs": 3e-6,
        "max_rel": 3.5e-7,
        "top1": 1.0,
        "examples": 32,
        "tolerance": 1e-3,
        "reference": "torch",
        "by": "onnxruntime",
    }
    text = "same: relative error 3.5e-07, max |d| 3e-06, top-1 agreement 100.0% on 32 calibration inputs"
    assert conversion_text(said) == f"{text} (at most 0.001 relative; run by torch and onnxruntime)"
    assert conversion_text({"verdict": "unchecked", "reason": "nobody looked"}) == "unchecked: nobody looked"
    assert "lossy on purpose, not judged" in conversion_text({**said, "verdict": "lossy", "tolerance": None})
    assert "output renamed: a to b" in conversion_text({**said, "renamed": {"a": "b"}})
    assert "relative error infinite" in conversion_text({**said, "max_rel": None})
