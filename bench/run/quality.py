"""Quality: predictions in the backend's environment, grading in the task's, cached by the artifact's digest."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np

from bench.plan import PlannedComparison
from bench.run.build import Builder, LazyWorker
from bench.run.built import Side, TaskFacts
from bench.run.deadline import Deadline
from bench.run.predicting import Part, Prediction
from bench.run.profiles import Profiles, backend_of
from bench.run.source import code_of
from bench.run.spawning import home_of, settings_for
from bench.store.cache import key_of
from bench.store.files import write_atomically


def evaluate(builder: Builder, comparison: PlannedComparison, task: TaskFacts, sides: Sequence[Side]) -> None:
    """Give every living side its per-example outcomes on the full held-out split.

    Nothing is being timed here, so sides are predicted at once, a processor each: a worker that must share its
    threads gains less from them. Where sides are as few as processors the examples of each are divided too, lest
    the slowest side keep the others waiting.
    """
    grading = Grading(builder, comparison, task)
    todo = [side for side in sides if side.alive and not (grading.recall(side) & grading.profiles.recall(side))]
    if not todo:
        return
    lanes = max(builder.settings.parallel, 1)
    shares = lanes if len(todo) <= lanes else 1
    waiting = deque(part for side in todo for part in Prediction(side, task).parts(shares))
    lanes = min(lanes, len(waiting))
    threads = max((os.cpu_count() or 1) // lanes, 1)
    with builder.ledger.phase("evaluate"), ThreadPoolExecutor(lanes) as pool:
        try:
            for _ in pool.map(lambda _: grading.predict_all(waiting, threads), range(lanes)):
                pass
        finally:
            grading.close()


class Grading:
    """Predicts and grades the sides of one comparison; the task is loaded once, whatever the number of sides."""

    def __init__(self, builder: Builder, comparison: PlannedComparison, task: TaskFacts) -> None:
        self.builder, self.comparison, self.task = builder, comparison, task
        self.profiles = Profiles(builder, comparison, task)
        self._grader = LazyWorker(home_of(comparison.task, builder.settings), 1)
        self._prepared = self._over = False
        self._predictors: list[LazyWorker] = []
        self._one_at_a_time = Lock()

    def recall(self, side: Side) -> bool:
        """Take a side's outcomes from the cache; whether they were there."""
        side.outcomes = _read(self._place(side), self.task.examples)
        return side.outcomes is not None

    def predict_all(self, waiting: deque[Part], threads: int) -> None:
        """Give sides their outcomes, taking part after part from a queue; one that fails loses its own side only."""
        predictor = LazyWorker(settings_for(self.comparison.backend, self.builder.settings), threads)
        self._predictors.append(predictor)
        try:
            while waiting and not self._over:
                try:
                    part = waiting.popleft()
                except IndexError:  # the other lane was quicker
                    return
                side = part.whole.side
                try:
                    if side.alive:
                        self._predict_part(part, predictor, threads)
                except Exception as error:  # noqa: BLE001 - whatever a plugin does costs its own cell only
                    side.fail(error, "evaluating quality")
                    predictor.close()
        finally:
            predictor.close()

    def close(self) -> None:
        """End every worker: after an interruption the lanes would otherwise go on to their end."""
        self._over = True
        for each in (*self._predictors, self._grader):
            each.close()

    def _predict_part(self, part: Part, predictor: LazyWorker, threads: int) -> None:
        """Predict a part; whoever ends the last one of a side grades it and asks what was executed."""
        side, within = part.whole.side, self.builder.deadline.half()  # others wait
        if side.outcomes is None:
            with self.builder.scratch() as scratch:
                outputs = scratch / "outputs.npz"
                self._predict(part, predictor, threads, str(outputs), within)
                if not part.whole.take(part, outputs):
                    return
                part.whole.join(outputs)
                with self._one_at_a_time:
                    side.outcomes = self._closing_if_broken(lambda: self._grade(str(outputs), scratch, within))
            _write(self._place(side), side.outcomes)
        if not side.executed:
            self.profiles.ask(side, predictor)

    def _predict(self, part: Part, predictor: LazyWorker, threads: int, outputs: str, within: Deadline) -> None:
        side = part.whole.side
        assert side.artifact is not None
        cell = side.planned.cell
        self.builder.ask(predictor, "import", within, **backend_of(self.comparison, side))
        self.builder.ask(
            predictor,
            "predict",
            within,
            artifact=side.artifact.to_json(),
            inputs=str(Path(self.task.folder) / "evaluation.npz"),
            outputs=outputs,
            device=cell.device.rstrip("?"),
            threads=threads,
            batch=self.task.batch,
            **({"rows": list(part.rows)} if part.rows else {}),
        )

    def _grade(self, outputs: str, scratch: Path, within: Deadline) -> np.ndarray:
        offer, settings = self.comparison.task, self.builder.settings
        if not self._prepared:
            arguments = {"target": offer.target, "options": offer.facts.get("arguments", {}), "format": None}
            self.builder.ask(self._grader, "prepare", within, **arguments, folder=str(scratch), seed=settings.seed)
            self._prepared = True
        reply = self._grader.request("score", {"outputs": outputs}, timeout_s=within.left_s())
        return np.asarray(reply.arrays["outcomes"], dtype=np.float64)

    def _closing_if_broken(self, grade: Callable[[], np.ndarray]) -> np.ndarray:
        try:
            return grade()
        except Exception:
            self._grader.close()
            self._prepared = False
            raise

    def _place(self, side: Side) -> Path:
        assert side.artifact is not None
        cell, task = side.planned.cell, self.comparison.task
        code = [code_of(self.comparison.backend), cell.backend_options, cell.device, code_of(task)]
        return self.builder.settings.cache.outcomes(key_of([side.artifact.digest, code, self.task.digest]))


def _read(place: Path, examples: int) -> np.ndarray | None:
    """Return kept outcomes; None where they are damaged, were edited, or are not one number an example."""
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as archive:
            found, kept = archive["outcomes"], archive["digest"].tobytes()
    except Exception:  # noqa: BLE001 - a damaged file makes numpy, zipfile and zlib raise a dozen kinds: grade again
        return None
    return found if found.shape == (examples,) and kept == _digest(place, found) else None


def _write(place: Path, outcomes: np.ndarray) -> None:
    stream = io.BytesIO()
    digest = np.frombuffer(_digest(place, outcomes), np.uint8)
    np.savez_compressed(stream, outcomes=outcomes, digest=digest)
    write_atomically(place, stream.getvalue())


def _digest(place: Path, outcomes: np.ndarray) -> bytes:
    """Return the digest of outcomes under their key: those of another artifact do not pass for these."""
    return hashlib.sha256(place.stem.encode() + outcomes.dtype.str.encode() + outcomes.tobytes()).digest()
