"""Correlation of a model's answers with the labels, from scipy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
FEWEST = 4


def pearson_of(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives Pearson's correlation of some examples. Raises ValueError for what is not one number each."""
    from scipy.stats import pearsonr

    answers, truth = _pairs(outputs, labels)
    return lambda rows: float(pearsonr(answers[rows], truth[rows]).statistic)


def spearman_of(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives Spearman's correlation of some examples. Raises ValueError for what is not one number each."""
    from scipy.stats import spearmanr

    answers, truth = _pairs(outputs, labels)
    return lambda rows: float(spearmanr(answers[rows], truth[rows]).statistic)


def _pairs(outputs: Mapping[str, Array], labels: Array) -> tuple[Array, Array]:
    first, truth = np.asarray(next(iter(outputs.values()))), np.asarray(labels)
    answers = first.reshape(len(first), -1)
    n = len(truth)
    if answers.shape[1] != 1:
        raise ValueError(f"a correlation is of one number an example, and the model answers {answers.shape[1]}")
    if truth.ndim != 1 or truth.dtype.kind not in "fiu":
        raise ValueError(f"`labels` are one number an example, not {truth.dtype} of shape {truth.shape}")
    if n < FEWEST:
        raise ValueError(f"a correlation needs {FEWEST} examples or more, not {n}")
    if truth.min() == truth.max():
        raise ValueError(f"all {n} labels are {truth[0]}: nothing correlates with a constant")
    if answers.min() == answers.max():
        raise ValueError(
            f"the model answers {answers[0, 0]:g} to all {n} examples, and a constant correlates with nothing"
        )
    return answers[:, 0].astype(np.float64), truth.astype(np.float64)
