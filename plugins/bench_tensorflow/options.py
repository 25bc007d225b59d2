"""Options of the compressors: their types and bounds, named as the other plugins name them, so that recipes travel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import bench

BATCH = 128

Mode = Annotated[
    Literal["dynamic", "static", "fp16", "qat"],
    "int8 weights with floats between; int8 throughout by calibration; half-precision weights; int8 after training",
]
Sparsity = Annotated[float, bench.Bounds(ge=0, lt=1), "fraction of weights set to zero"]
Scope = Annotated[Literal["layer"], "the toolkit ranks weights within each layer"]
Finetune = Annotated[float, bench.Bounds(ge=0), "passes over the training split after (or while) compressing"]
Schedule = Annotated[Literal["one-shot", "polynomial"], "prune at once, or step by step while fine-tuning"]
Steps = Annotated[int, bench.Bounds(ge=1), "how often the schedule raises the sparsity"]
Initial = Annotated[float, bench.Bounds(ge=0, lt=1), "sparsity that the schedule starts from"]
Begin = Annotated[float, bench.Bounds(ge=0, lt=1), "fraction of the fine-tuning steps after which the rise begins"]
End = Annotated[
    float, bench.Bounds(gt=0, le=1), "fraction of the fine-tuning steps after which the sparsity is reached"
]
Examples = Annotated[int | None, bench.Bounds(ge=1), "training examples that are used; all when left out"]
Rate = Annotated[float | None, bench.Bounds(gt=0), "rate of Adam; 0.001 when left out"]


@dataclass(frozen=True)
class Training:
    """How long a step trains, on how much, and how fast."""

    epochs: float
    examples: int | None = None
    learning_rate: float | None = None

    def steps(self, examples: int) -> int:
        """Return the optimiser steps on that many examples, at least one where anything is trained."""
        return max(1, round(self.epochs * math.ceil(examples / BATCH))) if self.epochs else 0


@dataclass(frozen=True)
class Pruning:
    """How far weights are pruned, and when."""

    sparsity: float = 0.5
    schedule: str = "one-shot"
    steps: int = 10
    initial: float = 0.0
    begin: float = 0.0
    end: float = 0.75

    def check(self, epochs: float) -> None:
        """Raise BenchError for options that contradict one another."""
        gradual = self.schedule != "one-shot"
        for wrong, message, cure in (
            (
                gradual and not epochs,
                f"schedule {self.schedule} prunes while it fine-tunes, and finetune is 0",
                "give finetune: 1 (epochs) or more",
            ),
            (self.begin >= self.end, f"begin {self.begin:g} is not before end {self.end:g}", "give a smaller begin"),
            (
                self.initial > self.sparsity,
                f"initial_sparsity {self.initial:g} is above sparsity {self.sparsity:g}",
                "give a smaller initial_sparsity",
            ),
        ):
            if wrong:
                raise bench.BenchError(f"prune: {message}", cure=cure)

    def span(self, total: int) -> tuple[int, int, int]:
        """Return the first and last step of a schedule over `total` steps, and how many lie between two rises.

        The toolkit raises the sparsity at whole numbers of `frequency` after the first step only: the last step is
        one of them, or the sparsity would never be reached. Steps count from 0. Raises BenchError for fewer than two.
        """
        if total < 2:
            raise bench.BenchError(
                f"prune: schedule {self.schedule} needs two steps of {BATCH} examples or more; there is {total}",
                cure="give a larger finetune, or use schedule: one-shot",
            )
        first = min(int(self.begin * total), total - 2)
        last = max(first + 1, min(int(self.end * total), total - 1))
        frequency = max(1, (last - first) // self.steps)
        return first, first + (last - first) // frequency * frequency, frequency


@dataclass(frozen=True)
class Quantisation:
    """What a quantised file holds."""

    mode: str = "dynamic"
    calibrate: int = 256
    activation_bits: int = 8
    sparse: bool = False

    def check(self) -> None:
        """Raise BenchError for options that contradict one another."""
        if self.activation_bits != 8 and self.mode != "static":
            raise bench.BenchError(
                f"quantize: activations of {self.activation_bits} bits need mode static, not {self.mode}",
                cure="leave activation_bits out, or use mode: static",
            )
