"""The context handed to compressors and converters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import Unsupported
from bench.measure.cpu import cpu_seconds
from bench.protocols import Arrays, Task


class WorkerContext:
    """What a step is given beside the model; collects its log lines, facts and what it trained.

    `train_s` and `train_cpu_s` are wall and processor seconds spent in `fit`; `train_samples` is how many examples were
    trained on, each as often as it was seen, None when a task did not say.
    """

    def __init__(self, task: Task, *, seed: int, workdir: Path, device: str = "cpu") -> None:
        self.seed, self.device, self.workdir = seed, device, workdir
        self._task = task
        self.lines: list[str] = []
        self.facts: dict[str, Any] = {}
        self.train_s, self.train_cpu_s = 0.0, 0.0
        self.train_samples: int | None = 0

    @property
    def task(self) -> Task:
        """The task whose model is being compressed."""
        return self._task

    def calibration(self, n: int) -> Arrays:
        """Return n calibration inputs."""
        return self._task.inputs("calibration", n)

    def example(self, batch: int = 1) -> Arrays:
        """Return the inputs that latency is measured on."""
        return self._task.example(batch, self.seed)

    def fit(self, model: Any, **options: Any) -> Mapping[str, Any]:
        """Train the module on the task's train split; the seconds are booked as training."""
        options.setdefault("seed", self.seed)
        began, spent = time.perf_counter(), cpu_seconds()
        try:
            facts: Mapping[str, Any] = self._trainable("training data").fit(model, **options)
        finally:
            self.train_s += time.perf_counter() - began
            self.train_cpu_s += cpu_seconds() - spent
        seen = facts.get("samples")
        known = self.train_samples is not None and isinstance(seen, int)
        self.train_samples = self.train_samples + seen if known else None  # type: ignore[operator]  # both known
        return facts

    def student(self, name: str) -> Any:
        """Return an untrained smaller module of the task."""
        return self._trainable("students").student(name)

    def teacher(self) -> Any:
        """Return a fresh copy of the task's reference module."""
        if not hasattr(self._task, "module"):
            raise Unsupported(f"the task ({type(self._task).__name__}) has no torch module to teach with")
        return self._task.module()

    def log(self, message: str) -> None:
        """Leave a line in the record's lineage."""
        self.lines.append(str(message)[:1000])

    def note(self, **facts: Any) -> None:
        """Leave facts in the record's lineage."""
        self.facts.update(facts)

    def _trainable(self, what: str) -> Any:
        from bench.protocols import TrainableTask

        if not isinstance(self._task, TrainableTask):
            name = type(self._task).__name__
            raise Unsupported(f"the task ({name}) has no {what}; leave out finetune and distill for it")
        return self._task
