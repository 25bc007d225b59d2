"""Quality: predictions in the backend's environment, grading in the task's, cached by the artifact's digest."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.plan import PlannedComparison
from bench.run.build import Builder, LazyWorker
from bench.run.built import Side, TaskFacts
from bench.run.source import code_of
from bench.store.cache import key_of
from bench.store.files import write_atomically
from bench.wire import Worker


def evaluate(builder: Builder, comparison: PlannedComparison, task: TaskFacts, sides: Iterable[Side]) -> None:
    """Give every living side its per-example outcomes on the full held-out split."""
    threads = max(os.cpu_count() or 1, 1)
    with builder.ledger.phase("evaluate"), builder.worker() as grader:
        predictor = LazyWorker(builder.settings, threads)
        try:
            for side in sides:
                if not side.alive:
                    continue
                try:
                    side.outcomes = _outcomes(builder, comparison, task, side, predictor, grader)
                except Exception as error:  # noqa: BLE001 - whatever a plugin does costs its own cell only
                    side.fail(error, "evaluating quality")
                    predictor.close()
                    grader.close()
        finally:
            predictor.close()


def _outcomes(
    builder: Builder, comparison: PlannedComparison, task: TaskFacts, side: Side, predictor: Worker, grader: Worker
) -> np.ndarray:
    assert side.artifact is not None
    cell, cache = side.planned.cell, builder.settings.cache
    code = [code_of(comparison.backend), cell.backend_options, cell.device, code_of(comparison.task)]
    place = cache.outcomes(key_of([side.artifact.digest, code, task.digest]))
    if (known := _read(place, task.examples)) is not None:
        return known
    with builder.scratch() as scratch:
        outputs = str(scratch / "outputs.npz")
        needs = list(comparison.backend.needs)
        builder.ask(
            predictor, "import", target=comparison.backend.target, options=dict(cell.backend_options), needs=needs
        )
        builder.ask(
            predictor,
            "predict",
            artifact=side.artifact.to_json(),
            inputs=str(Path(task.folder) / "evaluation.npz"),
            outputs=outputs,
            device=cell.device.rstrip("?"),
            threads=max(os.cpu_count() or 1, 1),
            batch=task.batch,
        )
        builder.ask(
            grader,
            "prepare",
            target=comparison.task.target,
            options=comparison.task.facts.get("arguments", {}),
            format=None,
            folder=str(scratch),
            seed=builder.settings.seed,
        )
        reply = grader.request("score", {"outputs": outputs}, timeout_s=builder.settings.timeout_s)
    outcomes = np.asarray(reply.arrays["outcomes"], dtype=np.float64)
    _write(place, outcomes)
    return outcomes


def _read(place: Path, examples: int) -> np.ndarray | None:
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as archive:
            found = archive["outcomes"]
    except Exception:  # noqa: BLE001 - a damaged file makes numpy, zipfile and zlib raise a dozen kinds: grade again
        return None
    return found if len(found) and examples else None


def _write(place: Path, outcomes: np.ndarray) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, outcomes=outcomes)
    write_atomically(place, stream.getvalue())
