"""What backends execute, artifact by artifact: asked once for an artifact, a backend and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.errors import BenchError, Unsupported
from bench.execution import check_executed
from bench.plan import PlannedComparison
from bench.run.build import Builder, LazyWorker
from bench.run.built import Side, TaskFacts
from bench.run.deadline import Deadline
from bench.run.source import code_of
from bench.store.cache import key_of

THREADS = 1
LONGEST_S = 60.0  # for a second session and a few calls; an audit must not take a comparison's time


class Profiles:
    """Gives sides what their backend executes. A failure costs the audit of a side, never its cell."""

    def __init__(self, builder: Builder, comparison: PlannedComparison, task: TaskFacts) -> None:
        self.builder, self.comparison, self.task = builder, comparison, task

    def recall(self, side: Side) -> bool:
        """Take what is known from the cache; whether it was there."""
        known = self.builder.settings.cache.recall(self._key(side))
        try:
            side.executed = check_executed(known["executed"]) if known else {}
        except (AttributeError, KeyError, TypeError, ValueError):
            side.executed = {}
        return bool(side.executed)

    def ask(self, side: Side, worker: LazyWorker) -> None:
        """Ask a worker that has loaded the backend; one that broke is closed, and starts anew when it is needed."""
        assert side.artifact is not None
        cell = side.planned.cell
        arguments = {
            "artifact": {**side.artifact.to_json(), "lineage": []},
            "inputs": str(Path(self.task.folder) / f"example-{cell.batch}.npz"),
            "device": cell.device.rstrip("?"),
            "threads": THREADS,
        }
        try:
            self.builder.ask(worker, "import", self._within(), **backend_of(self.comparison, side))
            found = self.builder.ask(worker, "profile", self._within(), **arguments)
            side.executed = check_executed(found["executed"])
        except Unsupported as error:  # the backend's own word; it would be the same again
            side.executed = {"reason": _reason(error)}
        except Exception as error:  # noqa: BLE001 - whatever a plugin does costs its audit only
            side.executed = {"reason": _reason(error)}
            worker.close()
            return
        self.builder.settings.cache.remember(self._key(side), {"executed": dict(side.executed)})

    def _within(self) -> Deadline:
        return Deadline.after(min(LONGEST_S, self.builder.deadline.left_s()))

    def _key(self, side: Side) -> str:
        assert side.artifact is not None
        cell = side.planned.cell
        backend = [code_of(self.comparison.backend), cell.backend_options, cell.device, cell.batch]
        return key_of(["executed", side.artifact.digest, backend, self.task.digest])


def backend_of(comparison: PlannedComparison, side: Side) -> dict[str, Any]:
    """Return what a worker loads a side's backend by."""
    options, backend = dict(side.planned.cell.backend_options), comparison.backend
    return {"target": backend.target, "options": options, "needs": list(backend.needs)}


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]
