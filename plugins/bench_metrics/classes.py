"""Metrics of classes, macro F1 and the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import bench

Array = np.ndarray[Any, Any]


def scores_of(outputs: Mapping[str, Array]) -> Array:
    """Return the scores of the first output, shape (n, classes)."""
    first = np.asarray(next(iter(outputs.values())))
    return first.reshape(len(first), -1).astype(np.float64)


def macro_f1(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives the macro F1 of some examples; equal to scikit-learn's `f1_score(average="macro")`.

    The best-scored class is the answer; a class that is never answered counts 0. Raises ValueError for labels that are
    no classes of the model, or all of one.
    """
    scores = scores_of(outputs)
    classes = scores.shape[1]
    truth, answers = bench.class_labels(labels, classes), scores.argmax(axis=1)
    counted = np.union1d(truth, answers)

    def value_of(rows: Array) -> float:
        meant, said = truth[rows], answers[rows]
        right, both = np.bincount(meant[meant == said], minlength=classes), np.bincount(meant, minlength=classes)
        both += np.bincount(said, minlength=classes)
        return float(np.mean(2 * right[counted] / np.maximum(both[counted], 1)))

    return value_of


def roc_auc(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives the area under the ROC curve of some examples; equal to scikit-learn's `roc_auc_score`.

    It is Mann and Whitney's U over the number of pairs, by scipy's ranks. One score an example is that of class 1; of
    two, the second less the first; of more, their softmax where they are no probabilities already, each class against
    the rest, the mean over the classes that the labels hold. Raises ValueError for labels that are no classes of the
    model, or all of one.
    """
    scores = scores_of(outputs)
    truth = bench.class_labels(labels, max(scores.shape[1], 2))
    if scores.shape[1] <= 2:
        single = scores[:, -1] - (scores[:, 0] if scores.shape[1] == 2 else 0)
        return lambda rows: _area(truth[rows] == 1, single[rows])
    chances, classes = _probabilities(scores), np.unique(truth)
    return lambda rows: float(np.mean([_area(truth[rows] == one, chances[rows, one]) for one in classes]))


def _area(positive: Array, scores: Array) -> float:
    from scipy.stats import rankdata

    n = int(positive.sum())
    if n in (0, len(positive)):
        raise ValueError("a class has too few examples: the area needs two or more of each")
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def _probabilities(scores: Array) -> Array:
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        return scores
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
