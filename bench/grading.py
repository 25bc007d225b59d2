"""Grading a model of somebody's own by a metric: a function of the outputs and the labels."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.authoring import MARK
from bench.errors import BadInput, PluginError, Unsupported
from bench.protocols import Arrays, Metric
from bench.stats.leave_out import leave_out
from bench.targets import load_target

Array = np.ndarray[Any, Any]
INSTALL = "pip install 'joulebench[metrics]'"


@dataclass(frozen=True)
class Grader:
    """A metric as it is used: its function, and what it says of itself."""

    metric: Metric
    function: Callable[[Mapping[str, Array], Array], Any]

    @classmethod
    def of(cls, target: str) -> Grader:
        """Load the metric that a target names: what `bench.metric` marks, or any function of outputs and labels.

        An unmarked function says `unit` and `higher_is_better` by attributes of these names, else "1" and True.
        Raises BadInput for a target that is not there or is no function.
        """
        try:
            function = load_target(target)
        except (ImportError, PluginError, AttributeError) as error:
            raise BadInput(f"the metric '{target}' cannot be loaded: {error}") from error
        if not callable(function):
            raise BadInput(f"the metric '{target}' is no function of outputs and labels")
        offer = next((each for each in getattr(function, MARK, ()) if each.kind == "metric"), None)
        name = offer.name if offer else str(getattr(function, "__name__", target.rpartition(":")[2]))
        facts = offer.facts if offer else {key: getattr(function, key, None) for key in ("unit", "higher_is_better")}
        unit, higher = facts.get("unit"), facts.get("higher_is_better")
        return cls(Metric(name, "1" if unit is None else str(unit), higher is None or bool(higher)), function)

    def outcomes(self, outputs: Arrays, labels: Array) -> Array:
        """Return one outcome per example, shape (n,), whose mean is the metric; by `leave_out` where it has none.

        Raises BadInput, in one sentence, for outputs that hold NaN and for what the metric refuses; Unsupported where a
        library of it is missing.
        """
        arrays, n = {name: np.asarray(value) for name, value in outputs.items()}, len(labels)
        check_answers(arrays, n)
        found = self._call(self.function, arrays, labels)
        if callable(found):
            return leave_out(lambda rows: self._number(self._call(found, rows)), n)
        if np.ndim(found) == 0:
            self._number(found)
            return leave_out(lambda rows: self._number(self._call(self.function, _of(arrays, rows), labels[rows])), n)
        outcomes = np.asarray(found, dtype=np.float64)
        if outcomes.shape != (n,) or not np.isfinite(outcomes).all():
            what = f"{n} finite numbers, one an example, not an array of shape {outcomes.shape}"
            raise BadInput(f"the metric '{self.metric.name}' returns {what}")
        return outcomes

    def _number(self, found: Any) -> float:
        try:
            value = float(found)
        except (TypeError, ValueError):
            value = float("nan")
        if not np.isfinite(value):
            raise BadInput(f"the metric '{self.metric.name}' is no finite number on these examples, or without some")
        return value

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a constant input, say: what comes of it is judged
                return function(*arguments)
        except ModuleNotFoundError as error:
            needs = f"the metric '{self.metric.name}' needs {error.name}, not installed where the task is graded"
            raise Unsupported(f"{needs}: {INSTALL}") from error
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise BadInput(f"the metric '{self.metric.name}': {_sentence(error)}") from error


def check_answers(arrays: Mapping[str, Array], n: int) -> None:
    """Raise BadInput for answers of another number of examples than n, and for the first output that holds NaN."""
    for name, value in arrays.items():
        if not value.ndim or len(value) != n:
            raise BadInput(f"the model's '{name}' has shape {value.shape}: {n} examples go on its first axis")
        if value.dtype.kind == "f" and (lost := np.isnan(value).reshape(n, -1).any(axis=1)).any():
            raise BadInput(f"the model answers NaN in '{name}' for {int(lost.sum())} of {n} examples")


def label_ranks(outputs: Mapping[str, Array], labels: Array) -> Array:
    """Return the rank of every example's label among the classes by their scores, 1 for the best; shape (n,), int64.

    The first output holds scores, shape (n, classes), further axes counted into the classes; of equal scores the
    first class is the better. Raises ValueError for labels that are no classes of it, or are all of one.
    """
    scores = np.asarray(next(iter(outputs.values())))
    scores = scores.reshape(len(scores), -1)
    picked = class_labels(labels, scores.shape[1])[:, None]
    own = np.take_along_axis(scores, picked, axis=1)
    earlier = np.arange(scores.shape[1]) < picked
    better = (scores > own) | ((scores == own) & earlier)
    return np.asarray(1 + better.sum(axis=1, dtype=np.int64))


def class_labels(labels: Array, classes: int | None) -> Array:
    """Return labels as class numbers, shape (n,), int64. Raises ValueError for any others, in one sentence.

    `classes` is how many the model tells apart, None where that is not known.
    """
    found = np.asarray(labels)
    whole = found.dtype.kind in "iub" or (found.dtype.kind == "f" and bool((found == found.round()).all()))
    if found.ndim != 1 or not whole:
        raise ValueError(f"`labels` are class numbers of shape (n,), not {found.dtype} of shape {found.shape}")
    found = found.astype(np.int64)
    if len(found) and (found.min() < 0 or (classes is not None and found.max() >= classes)):
        known = "0" if classes is None else f"0 to {classes - 1}" if classes > 1 else "0 alone"
        wrong = int(found.min() if found.min() < 0 else found.max())
        raise ValueError(f"a label is {wrong}, and the model's classes are {known}")
    if len(np.unique(found)) == 1 and len(found) > 1:
        raise ValueError(
            f"all {len(found)} labels are {int(found[0])}: data of one class do not tell a good model from a constant"
        )
    return found


def _of(arrays: Mapping[str, Array], rows: Array) -> dict[str, Array]:
    return {name: value[rows] for name, value in arrays.items()}


def _sentence(error: BaseException) -> str:
    """Return the first sentence of an error, on one line."""
    text = " ".join(str(error).split())
    return re.split(r"(?<=[.!?]) ", text)[0][:300] or type(error).__name__
