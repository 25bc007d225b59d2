"""What a cell says of the held-out examples, and how often two say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.run.build import Builder, LazyWorker
from bench.run.gate.parts import Part
from bench.run.profiles import backend_of
from bench.run.spawning import settings_for

Outputs = dict[str, "np.ndarray[Any, Any]"]


def outputs_of(part: Part, builder: Builder) -> Outputs:
    """Return a cell's outputs for the whole held-out split, in a worker where its backend works."""
    cell, artifact = part.side.planned.cell, part.side.artifact
    assert artifact is not None
    assert part.task is not None
    worker = LazyWorker(settings_for(part.comparison.backend, builder.settings), 1)
    try:
        with builder.scratch() as scratch:
            place = str(scratch / "outputs.npz")
            builder.ask(worker, "import", None, **backend_of(part.comparison, part.side))
            builder.ask(
                worker,
                "predict",
                None,
                artifact=artifact.to_json(),
                inputs=str(Path(part.task.folder) / "evaluation.npz"),
                outputs=place,
                device=cell.device.rstrip("?"),
                threads=1,
                batch=part.task.batch,
            )
            with np.load(place, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    finally:
        worker.close()


def agreement(one: Outputs, other: Outputs) -> float:
    """Return the share of examples, [n, classes], whose top class is the same; runtimes may name outputs differently.

    Raises ValueError where there is not one output of the same shape on both sides.
    """
    mine, theirs = _only(one), _only(other)
    if mine.shape != theirs.shape:
        raise ValueError(f"outputs of shapes {mine.shape} and {theirs.shape} cannot be compared")
    return float(np.mean(mine.argmax(-1) == theirs.argmax(-1)))


def _only(outputs: Outputs) -> np.ndarray[Any, Any]:
    if len(outputs) != 1:
        raise ValueError(f"a classifier has one output, not {len(outputs)}: {', '.join(sorted(outputs))}")
    return next(iter(outputs.values()))
