"""What a step saw of the data is told: split, examples, and how many of them are also graded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.worker.context import WorkerContext
from bench.worker.sight import Sight


class Task:
    """Twelve calibration inputs, of which three are graded too; training data with labels."""

    evaluation = np.arange(40.0).reshape(20, 2)

    def inputs(self, split: str, n: int | None = None) -> dict[str, Any]:
        calibration = np.concatenate([100 + np.arange(18.0).reshape(9, 2), self.evaluation[:3]])
        return {"x": (self.evaluation if split == "evaluation" else calibration)[:n]}

    def labelled(self, n: int) -> tuple[dict[str, Any], Any]:
        return {"x": 200 + np.zeros((n, 2))}, np.zeros(n)

    def example(self, batch: int, seed: int) -> dict[str, Any]:
        return {"x": self.inputs("evaluation")["x"][:batch]}


@pytest.fixture
def context(tmp_path: Path) -> WorkerContext:
    return WorkerContext(Task(), seed=0, workdir=tmp_path)  # type: ignore[arg-type]  # as much of a task as is needed


def told(context: WorkerContext) -> list[tuple[Any, ...]]:
    found = context.sight.report(lambda: Task().inputs("evaluation"))
    return [(each["split"], each["examples"], each.get("held_out")) for each in found]


def test_calibration_inputs_that_are_graded_are_counted(context: WorkerContext) -> None:
    context.calibration(9)
    context.calibration(12)
    assert told(context) == [("calibration", 9, 0), ("calibration", 12, 3)]


def test_a_step_that_asks_the_task_itself_is_seen(context: WorkerContext) -> None:
    context.task.inputs("evaluation", 5)
    assert told(context) == [("evaluation", 5, 5)]


def test_examples_labels_and_training_are_told_apart(context: WorkerContext) -> None:
    context.example(2)
    context.labelled(4)
    assert len(context.task.labelled(4)[1]) == 4  # type: ignore[attr-defined]
    context.sight.trained(500)
    assert told(context) == [("example", 2, 2), ("train", 4, 0), ("train", 500, None)]


def test_the_same_seen_twice_is_said_once(context: WorkerContext) -> None:
    for _ in range(3):
        context.calibration(9)
    assert told(context) == [("calibration", 9, 0)]


def test_where_the_graded_are_not_known_nothing_is_said_of_them() -> None:
    sight = Sight()
    sight.saw("calibration", {"x": np.ones((3, 2))})
    (entry,) = sight.report(None)
    assert set(entry) == {"split", "examples", "digest"}


def test_inputs_of_several_names_and_of_text_are_digested_together() -> None:
    """Two inputs that are equal in one name only are not the same example."""
    sight = Sight()
    words = np.array(["a", "b"], dtype=object)
    sight.saw("calibration", {"x": np.array([[1.0], [2.0]]), "y": words})
    other = {"x": np.array([[1.0], [2.0]]), "y": np.array(["a", "c"], dtype=object)}
    assert sight.report(lambda: other)[0]["held_out"] == 1
