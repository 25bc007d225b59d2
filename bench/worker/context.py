"""The context handed to compressors and converters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from bench.errors import Unsupported
from bench.measure.cpu import cpu_seconds
from bench.protocols import Arrays, LabelledTask, Task
from bench.reading import Reading, add
from bench.worker.meters import Spans
from bench.worker.sight import EXAMPLE, TRAIN, Sight, WatchedTask

T = TypeVar("T")


class WorkerContext:
    """What a step is given beside the model; collects its log lines, facts and what it trained.

    `train_s` and `train_cpu_s` are wall and processor seconds spent in `fit` and `train`; `train_samples` is how many
    examples were trained on, each as often as it was seen, None when a task or step did not say; `train_energy` its
    joules, None without a meter. `spans` opens the windows for it. `sight` is what the step saw of the task's data.
    """

    def __init__(self, task: Task, *, seed: int, workdir: Path, device: str = "cpu") -> None:
        self.seed, self.device, self.workdir = seed, device, workdir
        self._task = task
        self.lines: list[str] = []
        self.facts: dict[str, Any] = {}
        self.train_s, self.train_cpu_s = 0.0, 0.0
        self.train_samples: int | None = 0
        self.spans, self.sight = Spans(), Sight()
        self._trained: list[Reading] = []

    @property
    def task(self) -> Task:
        """The task whose model is being compressed."""
        return cast("Task", WatchedTask(self._task, self.sight))

    def calibration(self, n: int) -> Arrays:
        """Return n calibration inputs."""
        return self.sight.saw("calibration", self._task.inputs("calibration", n))

    def labelled(self, n: int) -> tuple[Arrays, Any]:
        """Return n labelled examples of the train split."""
        if not isinstance(self._task, LabelledTask):
            raise Unsupported(
                f"the task ({type(self._task).__name__}) shows no labelled training examples",
                cure="choose a method that needs calibration inputs only, or none",
            )
        inputs, targets = self._task.labelled(n)
        return self.sight.saw(TRAIN, inputs), targets

    def example(self, batch: int = 1) -> Arrays:
        """Return the inputs that latency is measured on."""
        return self.sight.saw(EXAMPLE, self._task.example(batch, self.seed))

    def fit(self, model: Any, **options: Any) -> Mapping[str, Any]:
        """Train the module on the task's train split; the seconds are booked as training."""
        options.setdefault("seed", self.seed)
        fit = self._trainable("training data").fit
        facts: Mapping[str, Any] = self._metered(lambda: fit(model, **options))
        self._saw(facts.get("samples"))
        samples = facts.get("samples")
        self.sight.trained(samples if isinstance(samples, int) else None)
        return facts

    def train(self, work: Callable[[], T], *, samples: int | None = None) -> T:
        """Run a step's own training and return its result; the seconds are booked as training."""
        result = self._metered(work)
        self._saw(samples)
        return result

    @property
    def train_energy(self) -> Reading | None:
        """Joules of all training: unavailable where those of one part are, None where none was metered."""
        return add(self._trained, mixed=True) if self._trained else None

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

    def _metered(self, work: Callable[[], T]) -> T:
        took = self.spans.around(lambda: self._booked(work), "training")
        self._trained += [took.energy] if took.energy is not None else []
        return took.result

    def _booked(self, work: Callable[[], T]) -> T:
        """Book wall and processor seconds also of a training that fails."""
        began, spent = time.perf_counter(), cpu_seconds()
        try:
            return work()
        finally:
            self.train_s += time.perf_counter() - began
            self.train_cpu_s += cpu_seconds() - spent

    def _saw(self, samples: object) -> None:
        known = self.train_samples is not None and isinstance(samples, int)
        self.train_samples = self.train_samples + samples if known else None  # type: ignore[operator]  # both known

    def _trainable(self, what: str) -> Any:
        from bench.protocols import TrainableTask

        if not isinstance(self._task, TrainableTask):
            name = type(self._task).__name__
            raise Unsupported(f"the task ({name}) has no {what}; leave out finetune and distill for it")
        return self._task
