"""Metrics as functions of outputs and labels, and what they refuse."""

import numpy as np
import pytest

import bench
from bench.errors import BadInput, Unsupported
from bench.grading import Grader, check_answers, class_labels, label_ranks

SCORES = {"out": np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 5.0, 9.0]])}
LABELS = np.array([0, 1, 1])


@bench.metric("decorated", unit="m", higher_is_better=False)
def decorated(outputs, labels):
    """One number."""
    return float(np.mean(outputs["out"][:, 0] - labels))


def plain(outputs, labels):
    return outputs["out"][:, 0] - labels


def prepared(outputs, labels):
    return lambda rows: float(np.mean((outputs["out"][:, 0] - labels)[rows]))


def refusing(outputs, labels):
    raise ValueError("it wants more. Much more.")


def needing(outputs, labels):
    import no_such_package_at_all  # noqa: F401


def wide(outputs, labels):
    return np.zeros((3, 2))


def lost(outputs, labels):
    return float("nan")


plain.higher_is_better, plain.unit = False, "s"


def grader(name):
    return Grader.of(f"{__file__}:{name}")


def test_three_ways_to_answer_give_the_same_outcomes():
    each = [grader(name).outcomes(SCORES, LABELS) for name in ("plain", "decorated", "prepared")]
    assert np.allclose(each[0], [3.0, 0.0, -1.0])
    assert np.allclose(each, each[0])


def test_a_metric_says_its_unit_and_its_direction():
    assert grader("decorated").metric == bench.Metric("decorated", "m", False)
    assert grader("plain").metric == bench.Metric("plain", "s", False)
    assert grader("prepared").metric == bench.Metric("prepared", "1", True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("refusing", "the metric 'refusing': it wants more."),
        ("needing", "needs no_such_package_at_all, not installed where the task is graded: pip install"),
        ("wide", "returns 3 finite numbers, one an example, not an array of shape (3, 2)"),
        ("lost", "is no finite number on these examples, or without some"),
    ],
)
def test_what_a_metric_cannot_do_is_one_sentence(name, says):
    with pytest.raises((BadInput, Unsupported)) as caught:
        grader(name).outcomes(SCORES, LABELS)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["no_such_module:f", "bench:no_such", "math:pi", f"{__file__}:SCORES"])
def test_what_is_no_metric_is_said(target):
    with pytest.raises(BadInput, match=r"the metric '.*' (cannot be loaded|is no function)"):
        Grader.of(target)


def test_answers_that_are_no_numbers_or_of_other_examples_are_refused():
    with pytest.raises(BadInput, match="the model answers NaN in 'a' for 1 of 2 examples"):
        check_answers({"a": np.array([[1.0, np.nan], [np.inf, 0.0]])}, 2)
    with pytest.raises(BadInput, match=r"'a' has shape .3,.: 2 examples"):
        check_answers({"a": np.zeros(3)}, 2)
    with pytest.raises(BadInput, match="2 examples go on its first axis"):
        check_answers({"a": np.float32(3)}, 2)


def test_the_first_of_equal_scores_is_the_better():
    assert label_ranks(SCORES, LABELS).tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("labels", "classes", "says"),
    [
        ([0, 3], 3, "a label is 3, and the model's classes are 0 to 2"),
        ([-1, 0], 3, "a label is -1, and the model's classes are 0 to 2"),
        ([0, 1], 1, "a label is 1, and the model's classes are 0 alone"),
        ([2, 2, 2], 3, "all 3 labels are 2: data of one class"),
        ([0.5, 1.0], 3, "class numbers of shape .n,., not float64"),
        ([[0], [1]], 3, "not int64 of shape .2, 1."),
        (["a", "b"], 3, "class numbers"),
        ([np.nan, 1.0], 3, "class numbers"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, classes, says):
    with pytest.raises(ValueError, match=says):
        class_labels(np.array(labels), classes)


def test_whole_numbers_kept_as_floats_are_classes():
    assert class_labels(np.array([0.0, 2.0]), 3).tolist() == [0, 2]
