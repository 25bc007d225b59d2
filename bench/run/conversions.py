"""The check of conversions: source and result answer the same calibration inputs, and the figures go on the record.

A conversion only changes the form of a model. What changed more than rounding explains is another model under the same
name, so its cell fails before anything is measured.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.derive.conversion import CLASS_METRICS, Different, Figures, compare, conversion_text, tolerance_of
from bench.errors import BenchError, ConversionError, Unsupported
from bench.offer import Offer
from bench.plan import Catalogue, Operation
from bench.run.deadline import Deadline
from bench.run.ledger import Ledger
from bench.run.runners import Job, Runners, is_lost
from bench.run.settings import Settings
from bench.run.siblings import MODULE
from bench.run.source import code_of
from bench.store.cache import key_of
from bench.store.scratch import scratch_folder
from bench.wire import Worker

VERSION = 1  # of the check: what another version let pass is converted and checked again
EXAMPLES = 32
KEPT_BYTES = 1 << 24  # larger outputs are taken again in the next comparison
Reply = Mapping[str, Any]
Operate = Callable[[], tuple[Reply, dict[str, Any]]]


@dataclass(frozen=True)
class Ran:
    """What a model answered, and the backend that ran it; with a reason, nothing could."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    reason: str | None = None

    def bytes(self) -> int:
        """Return how much memory its outputs take."""
        return sum(int(each.nbytes) for each in self.outputs.values())


class Point:
    """A point of a route at which there is a model: its outputs are taken once, before anything converts it."""

    def __init__(self, worker: Worker, task: str, artifact: Mapping[str, Any] | None) -> None:
        self.worker, self.task, self.artifact = worker, task, artifact
        self.ran: Ran | None = None


@dataclass(frozen=True)
class Examples:
    """A task's calibration inputs, how many of them are run at once, and whether it is about classes."""

    arrays: Mapping[str, Any]
    batch: int
    classes: bool


class Conversions:
    """Checks the conversions of one comparison after the other; `close` ends what runs and removes its files.

    What a file answered, and the inputs, are remembered for a task's other comparisons.
    """

    def __init__(
        self, settings: Settings, catalogue: Catalogue, ledger: Ledger, deadline: Callable[[], Deadline]
    ) -> None:
        self._ledger, self._deadline = ledger, deadline
        self._runners = Runners(settings, catalogue)
        self._place = settings.cache.folder / "work"
        self._folder: Path | None = None
        self._stack = ExitStack()
        self._examples: dict[str, Examples] = {}
        self._written: dict[str, Path] = {}
        self._known: dict[tuple[str, str], Ran] = {}
        self._held: tuple[Worker, str] | None = None
        self._count = 0

    def identity(self, operation: Operation) -> list[Any]:
        """Return what a check depends on beside the conversion itself: its version and what runs both sides.

        A conversion that nothing here could check is thereby checked once something can.
        """
        if operation.kind != "convert":
            return []
        sides = [[each.name for each in self._runners.of(form)[:1]] for form in (operation.source, operation.produces)]
        return ["checked", VERSION, *sides]

    def at(self, worker: Worker, task: Offer, form: str, artifact: Mapping[str, Any] | None) -> Point:
        """Return the point of a route where a worker holds the task, and a module or the file of an artifact."""
        key = key_of([code_of(task), task.facts.get("arguments")])
        return Point(worker, key, None if form == MODULE else artifact)

    def around(
        self, point: Point, operation: Operation, lineage: Sequence[Mapping[str, Any]], operate: Operate
    ) -> tuple[Reply, dict[str, Any]]:
        """Do an operation; where it converts, check its result and leave the figures in its entry of the lineage.

        Raises ConversionError for one that changed the outputs beyond its tolerance.
        """
        if operation.kind != "convert":
            return operate()
        with self._ledger.phase("check"):
            point.ran = point.ran or self._ran(point, point.artifact)
        reply, entry = operate()
        with self._ledger.phase("check"):
            said = self._checked(point, operation, reply, lineage)
        entry = {**entry, "conversion": said}
        if said["verdict"] == "changed":
            name = f"{operation.offer.name} ({operation.source} to {operation.produces})"
            raise ConversionError(f"{name} {conversion_text(said)}", [*lineage, entry])
        return reply, entry

    def _checked(
        self, point: Point, operation: Operation, reply: Reply, lineage: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        reference = point.ran
        assert reference is not None
        tolerance = tolerance_of(operation.offer.facts, lineage)
        if reference.reason is not None:
            return _unchecked(f"the source, {reference.reason}")
        result = self._ran(point, reply["artifact"])
        if result.reason is not None:
            return _unchecked(f"the result, {result.reason}")
        ran = {"tolerance": tolerance, "reference": reference.by, "by": result.by}
        try:
            figures = compare(reference.outputs, result.outputs, classes=self._examples[point.task].classes)
        except Different as error:
            return {"verdict": "changed", "reason": str(error), **ran}
        return {"verdict": _verdict(figures, tolerance), **figures.to_json(), **ran}

    def _ran(self, point: Point, artifact: Mapping[str, Any] | None) -> Ran:
        """Run a model on the calibration inputs: a file once for its digest, the worker's module as it is now."""
        key = point.task, str(artifact["digest"]) if artifact is not None else ""
        if artifact is not None and key in self._known:
            return self._known[key]
        try:
            ran = self._run(point, artifact)
        except BenchError as error:
            if is_lost(error):
                raise  # there is nothing to convert with
            form = MODULE if artifact is None else artifact["format"]
            ran = Ran(reason=f"'{form}', cannot be run: {error.message}")
        if artifact is not None:
            self._known[key] = ran
        return ran

    def _run(self, point: Point, artifact: Mapping[str, Any] | None) -> Ran:
        worker, inputs, left = point.worker, self._inputs(point), self._left()
        job = Job(inputs, self._fresh(), self._examples[point.task].batch)
        if artifact is None:
            by = self._runners.run_module(worker, job, left)
            self._held = worker, by
        else:
            held = self._held if self._held is not None and self._held[0] is worker else None
            by = self._runners.run(artifact, job, left, held)
        return Ran(_load(job.outputs), by)

    def _inputs(self, point: Point) -> Path:
        """Return the file of the calibration inputs, asked of each task once a run."""
        if point.task not in self._examples:
            place = self._fresh()
            asked = {"path": str(place), "n": EXAMPLES}
            said = point.worker.request("examples", asked, timeout_s=self._left()()).data
            classes = str(said["metric"]).startswith(CLASS_METRICS)
            self._examples[point.task] = Examples(_load(place), int(said["batch"]), classes)
            self._written[point.task] = place
        if point.task not in self._written:
            self._written[point.task] = self._fresh()
            arrays: dict[str, Any] = dict(self._examples[point.task].arrays)
            np.savez(self._written[point.task], **arrays)
        return self._written[point.task]

    def _left(self) -> Callable[[], float]:
        within = self._deadline().half()
        return within.left_s

    def _fresh(self) -> Path:
        self._count += 1
        return self._work() / f"{self._count:04d}.npz"

    def _work(self) -> Path:
        if self._folder is None:
            self._folder = self._stack.enter_context(scratch_folder(self._place))
        return self._folder

    def close(self) -> None:
        """End what runs, and remove the files of this comparison."""
        self._runners.close()
        self._known = {key: ran for key, ran in self._known.items() if ran.bytes() <= KEPT_BYTES and not ran.reason}
        self._written, self._held, self._folder = {}, None, None
        self._stack.close()


def _verdict(figures: Figures, tolerance: float | None) -> str:
    if tolerance is None:
        return "lossy"
    return "same" if figures.within(tolerance) else "changed"


def _unchecked(reason: str) -> dict[str, Any]:
    return {"verdict": "unchecked", "reason": reason[:1000]}


def _load(path: Path) -> dict[str, Any]:
    """Return arrays that a worker wrote. Raises Unsupported for what is no plain array."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:  # TypeError: an .npy file
        raise Unsupported(f"what it answered cannot be read: {error}") from error
