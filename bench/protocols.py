"""Protocols: the objects that do the work, above all inside a timed window where no hook is ever called.

Arrays are numpy arrays by input or output name (a torch module's inputs are named as its `forward` names them, its
single output is "output", several are "output_0" …); the first axis is the batch and is always dynamic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from bench.artifact import Artifact
from bench.reading import Reading

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, "np.ndarray[Any, Any]"]
else:
    Arrays = Mapping
T = TypeVar("T")


@dataclass(frozen=True)
class Metric:
    """A task's quality metric: `unit` is "1" for fractions; a drop is in the same unit."""

    name: str
    unit: str = "1"
    higher_is_better: bool = True


@dataclass(frozen=True)
class Score:
    """Quality of one artifact: the metric's value is the mean of the per-example outcomes.

    `outcomes` has shape [n examples]: 0/1 for right or wrong, any real number otherwise (a reciprocal rank …).
    """

    value: float
    outcomes: np.ndarray[Any, Any]


@runtime_checkable
class Task(Protocol):
    """A model, its data (train, calibration and held-out evaluation splits) and its quality metric."""

    @property
    def metric(self) -> Metric:
        """What `score` reports; a class attribute will do."""

    def digest(self) -> str:
        """Return a digest of every data array (train, calibration, evaluation, labels): it decides the group."""

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the noun's own name
        """Write the uncompressed reference model in one of the offered file formats; return its path.

        Not called for the in-memory format "module": see `TrainableTask.module`.
        """

    def inputs(self, split: str, n: int | None = None) -> Arrays:
        """Return model inputs of the split "calibration" or "evaluation", first axis = examples."""

    def example(self, batch: int, seed: int) -> Arrays:
        """Return one batch of inputs, always the same for a seed: what latency is measured on."""

    def score(self, outputs: Arrays) -> Score:
        """Grade the outputs for `inputs("evaluation")`, in their order."""


@runtime_checkable
class TrainableTask(Task, Protocol):
    """A task whose reference model is a torch module that can be trained further."""

    def module(self) -> Any:
        """Return the reference model as a torch module in evaluation mode."""

    def student(self, name: str) -> Any:
        """Return an untrained smaller module: "half" (widths). Raises ValueError naming the known students."""

    def fit(
        self,
        model: Any,
        *,
        epochs: float,
        seed: int,
        learning_rate: float | None = None,
        loss: Callable[..., Any] | None = None,
        after_step: Callable[[int, int], None] | None = None,
        examples: int | None = None,
    ) -> Mapping[str, Any]:
        """Train a module in place on the train split, or on its first `examples`; return facts (steps, samples, loss).

        `loss(model, inputs, targets)` replaces the task's own loss (a distiller's teacher term, say);
        `after_step(step, total)` runs after each optimiser step (re-applying masks, moving a schedule).
        """


@runtime_checkable
class LabelledTask(Protocol):
    """A task that shows its labels to steps which score weights by gradients."""

    def labelled(self, n: int) -> tuple[Arrays, np.ndarray[Any, Any]]:
        """Return the first n examples of the train split, never of evaluation: inputs by name, and targets.

        Raises Unsupported when there are fewer.
        """


class Context(Protocol):
    """What a compressor is given beside the model."""

    seed: int
    device: str
    workdir: Path

    @property
    def task(self) -> Task:
        """The task whose model is being compressed."""

    def calibration(self, n: int) -> Arrays:
        """Return n calibration inputs, never from the evaluation split."""

    def labelled(self, n: int) -> tuple[Arrays, np.ndarray[Any, Any]]:
        """Return n examples of the train split with their targets, in the task's own order.

        Raises Unsupported when the task shows none.
        """

    def example(self, batch: int = 1) -> Arrays:
        """Return the inputs that latency is measured on."""

    def fit(self, model: Any, **options: Any) -> Mapping[str, Any]:
        """Train the module as `TrainableTask.fit` does; its seconds count as training, not compression.

        Raises Unsupported when the task has no training data, and in an environment of its own.
        """

    def train(self, work: Callable[[], T], *, samples: int | None = None) -> T:
        """Run a training of the step's own (in its own framework, on `labelled`) and return what `work` returns.

        Its seconds and joules count as training, as those of `fit` do; `samples` is how many examples it trains on,
        each as often as it is seen.
        """

    def student(self, name: str) -> Any:
        """Return an untrained smaller module of the task."""

    def teacher(self) -> Any:
        """Return a fresh copy of the task's reference module."""

    def log(self, message: str) -> None:
        """Leave a line in the record's lineage."""

    def note(self, **facts: Any) -> None:
        """Leave facts (sparsity reached, layers touched …) in the record's lineage."""


class Session(Protocol):
    """An opened artifact on a device."""

    def bind(self, inputs: Arrays) -> Callable[[], Any]:
        """Return a function of no arguments that runs one inference on these inputs and waits for its result."""

    def run(self, inputs: Arrays) -> Arrays:
        """Run one batch and return the outputs by name."""

    def synchronize(self) -> None:
        """Wait until the device has finished everything that was submitted."""

    def facts(self) -> Mapping[str, Any]:
        """Return what the runtime really does: version, providers, threads, precision, and `executed` if it knows."""

    def close(self) -> None:
        """Free the session."""


@runtime_checkable
class Profiled(Protocol):
    """A session that can say what it executes, for the audit of compression; optional.

    One without a profiler may return the same mapping under `executed` in its facts.
    """

    def profile(self, inputs: Arrays) -> Mapping[str, Any]:
        """Run some calls on these inputs and return what was executed, as `bench.executed` makes it."""


@runtime_checkable
class RunsModules(Protocol):
    """A backend that also runs modules in memory, for the check of conversions; optional.

    Its offer says so with the fact `runs: ["module"]`.
    """

    def run_module(self, module: Any, inputs: Arrays) -> Arrays:
        """Run one batch in evaluation mode and return the outputs by name; leave the module as it was."""


@runtime_checkable
class Timed(Protocol):
    """A session whose calls run outside the worker, in a program or on a device of their own; optional.

    Its calls are timed by `time_calls`, and neither memory, processor time nor joules are read for them: those of the
    worker are not theirs.
    """

    clock: str

    def time_calls(self, call: Callable[[], Any], n: int) -> tuple[Sequence[int], Any]:
        """Run a bound call n times; return nanoseconds of each by `clock`, and the last result."""


@runtime_checkable
class Counting(Protocol):
    """A session whose runtime counts what it executes and compiles; optional.

    Read before and after every timed window, never inside. A window in which as many calls were made as graphs
    executed, and nothing compiled, is what it seems; any other makes the cell invalid.
    """

    def counters(self) -> Mapping[str, int]:
        """Return `executed` and `compiled`: graphs since the process began."""


class MemoryWatch(Protocol):
    """Watches the memory of a device other than the processor, from before an artifact is opened there.

    `meter` and `method` say what is read; `missing` why nothing is, else None.
    """

    meter: str
    method: str
    missing: str | None

    def resident_bytes(self) -> int | None:
        """Return the bytes in use now."""

    def peak_bytes(self) -> int | None:
        """Return the most bytes in use since the last reset."""

    def reset_peak(self) -> bool:
        """Let the peak begin anew; False where the device cannot."""


@runtime_checkable
class WatchesMemory(Protocol):
    """A backend whose devices have memory of their own; optional."""

    def watch_memory(self, device: str) -> MemoryWatch | None:
        """Return what watches a device's memory; None where the process's own is meant."""


class Backend(Protocol):
    """A runtime: opens the formats it accepts on a device."""

    def open(self, artifact: Artifact, *, device: str, threads: int) -> Session:
        """Open an artifact. Raises Unsupported with a reason when it cannot run here."""


class Meter(Protocol):
    """A meter is a window: start gives a token, stop turns it into a reading; nothing is kept in between."""

    def available(self) -> str | None:
        """Return None when it can read here, else the reason and the cure."""

    def start(self) -> Any:
        """Open a window and return its token."""

    def stop(self, token: Any) -> Reading:
        """Close the window of the token and return its joules."""


Counter = Callable[[Artifact], Reading]
Compressor = Callable[..., Any]
Converter = Callable[..., Path]
