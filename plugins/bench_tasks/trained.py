"""A trainable task: labelled arrays, a network family, reference weights that ship; a metric is for who inherits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import bench
from bench_tasks import examples, training, weights

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Labelled:
    """Inputs `x`, [n, ...], and what is right for each, `y`, [n, ...]: classes or next characters as int64."""

    x: Array
    y: Array


@dataclass(frozen=True)
class Recipe:
    """How the reference weights are trained from scratch."""

    epochs: float
    learning_rate: float
    seed: int = 0
    batch: int = 128


class Trained(ABC):
    """A task with one input, called `feed`, and a training loss; `metric` and `score` are for the class that inherits.

    Calibration inputs are the train split's, in its (shuffled) order: evaluation examples are never among them.
    """

    metric: bench.Metric
    feed = "x"
    loss: training.Loss = staticmethod(training.cross_entropy)

    def __init__(
        self,
        name: str,
        *,
        data: Callable[[], tuple[Labelled, Labelled]],
        build: Callable[[], nn.Module],
        students: Mapping[str, Callable[[], nn.Module]],
        recipe: Recipe,
    ) -> None:
        self.name = name
        self.recipe = recipe
        self._data = data
        self._build = build
        self._students = dict(students)

    @cached_property
    def splits(self) -> tuple[Labelled, Labelled]:
        """The train and the evaluation split, read once."""
        return self._data()

    def digest(self) -> str:
        """Return a digest of both splits and their labels."""
        train, held_out = self.splits
        return examples.digest(
            {"train.x": train.x, "train.y": train.y, "evaluation.x": held_out.x, "evaluation.y": held_out.y}
        )

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the protocol's name
        """Raise: the reference model is a module in memory, and converters write the files."""
        del folder
        raise bench.Unsupported(f"{self.name} comes as a module; a converter makes {format} of it")

    def inputs(self, split: str, n: int | None = None) -> dict[str, Array]:
        """Return the first n inputs of "calibration" or "evaluation" (all when None)."""
        train, held_out = self.splits
        return examples.select({"calibration": {self.feed: train.x}, "evaluation": {self.feed: held_out.x}}, split, n)

    def labelled(self, n: int) -> tuple[dict[str, Array], Array]:
        """Return the first n examples of the train split and what is right for each."""
        train = self.splits[0]
        chosen = examples.select({"train": {"x": train.x, "y": train.y}}, "train", n)
        return {self.feed: chosen["x"]}, chosen["y"]

    def example(self, batch: int, seed: int) -> dict[str, Array]:
        """Return a batch of evaluation inputs, always the same for a seed."""
        return examples.draw({self.feed: self.splits[1].x}, batch, seed)

    @abstractmethod
    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return the quality of outputs on the evaluation split."""

    def module(self) -> nn.Module:
        """Return a fresh reference model in evaluation mode."""
        return weights.load(self.untrained(), self.name)

    def untrained(self) -> nn.Module:
        """Return the reference architecture as it is before training, always the same."""
        return self._fresh(self._build)

    def student(self, name: str) -> nn.Module:
        """Return an untrained smaller module, always the same. Raises ValueError naming the known students."""
        if name not in self._students:
            raise ValueError(f"{self.name} has no student '{name}'; known: {', '.join(sorted(self._students))}")
        return self._fresh(self._students[name])

    def fit(
        self,
        model: nn.Module,
        *,
        epochs: float,
        seed: int,
        learning_rate: float | None = None,
        loss: training.Loss | None = None,
        after_step: training.AfterStep | None = None,
        examples: int | None = None,
    ) -> dict[str, Any]:
        """Train a module on the train split in place, or on its first `examples`; see `training.fit`."""
        rate = self.recipe.learning_rate if learning_rate is None else learning_rate
        plan = training.Plan(epochs=epochs, seed=seed, learning_rate=rate, batch=self.recipe.batch)
        inputs, targets = self.labelled(len(self.splits[0].y) if examples is None else examples)
        return training.fit(model, inputs, targets, plan, loss=loss or self.loss, after_step=after_step)

    def _fresh(self, build: Callable[[], nn.Module]) -> nn.Module:
        with training.seeded(self.recipe.seed):
            return build()
