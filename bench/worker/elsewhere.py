"""Steps elsewhere: what stands for the task in an environment that has only the file; data is asked of its own worker.

A step asks in the middle of its work: the worker sends what it wants, the controller lets the task's worker write it
as npz, and answers with the file. So nothing crosses that no step asks for, and no step runs twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from bench.errors import PluginError, Unsupported
from bench.protocols import Arrays
from bench.wire.frames import Message
from bench.worker.context import WorkerContext

Ask = Callable[[Mapping[str, Any]], Message]
SPLITS = ("calibration", "labelled", "example")
INPUT, TARGETS = "input.", "targets"


class TaskElsewhere:
    """The task as a step in another environment sees it: its training data on request, nothing of evaluation."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask

    def inputs(self, split: str, n: int | None = None) -> Arrays:
        """Return n calibration inputs. Raises Unsupported for another split."""
        if split != "calibration":
            raise Unsupported(f"a step in an environment of its own is given calibration inputs only, not '{split}'")
        return self._given("calibration", n)[0]

    def labelled(self, n: int) -> tuple[Arrays, Any]:
        """Return n labelled examples of the train split. Raises Unsupported when the task shows none, or fewer."""
        return self._given("labelled", n)

    def example(self, batch: int, seed: int) -> Arrays:
        """Return the inputs that latency is measured on."""
        del seed  # the run's: the task's own worker knows it
        return self._given("example", batch)[0]

    def __getattr__(self, name: str) -> Any:
        """Refuse whatever else is asked. Raises Unsupported."""
        refuse(name)

    def _given(self, what: str, n: int | None) -> tuple[dict[str, Any], Any]:
        if self._ask is None:
            raise Unsupported(f"nobody gives '{what}' to a step in this worker")
        return read(str(self._ask({"what": what, "n": n}).data["file"]))


class ContextElsewhere(WorkerContext):
    """The context of a step elsewhere: training data, log and notes; no module to train or to learn from."""

    def teacher(self) -> NoReturn:
        """Refuse. Raises Unsupported."""
        refuse("teacher")

    def _trainable(self, what: str) -> NoReturn:
        refuse({"students": "student", "training data": "fit"}.get(what, what))


def refuse(name: str) -> NoReturn:
    """Say what a step elsewhere cannot have. Raises Unsupported."""
    raise Unsupported(
        f"a step in an environment of its own is given the file and the task's data, not the task: it has no '{name}'",
        cure="train there on what ctx.labelled(n) and ctx.calibration(n) return",
    )


def give(task: Any, context: WorkerContext, *, what: str, n: int | None, file: str) -> None:
    """Write what a step elsewhere asked for, as the same step would be given it beside the task."""
    import numpy as np

    if what not in SPLITS:
        raise PluginError(f"a step elsewhere asked for '{what}': {', '.join(SPLITS)} are given")
    targets: dict[str, Any] = {}
    if what == "labelled":
        inputs, labels = context.labelled(n)  # type: ignore[arg-type]  # refused by the task as beside it
        targets = {TARGETS: labels}
    else:
        inputs = task.inputs("calibration", n) if what == "calibration" else context.example(n)  # type: ignore[arg-type]
    arrays = {**{INPUT + name: value for name, value in inputs.items()}, **targets}
    named = {name: np.asarray(value) for name, value in arrays.items()}
    if odd := [name.removeprefix(INPUT) for name, value in named.items() if value.dtype.hasobject]:
        raise Unsupported(f"'{odd[0]}' of the task are Python objects, which no file carries to another environment")
    np.savez(file, **named)  # type: ignore[arg-type]  # numpy types the array names as its own flags


def read(file: str) -> tuple[dict[str, Any], Any]:
    """Return the inputs by name, and the targets or None, of a file that `give` wrote."""
    import numpy as np

    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    targets = arrays.pop(TARGETS, None)
    return {name.removeprefix(INPUT): value for name, value in arrays.items()}, targets
