"""Checking conversions: the calibration inputs they are checked on, and what a module in memory makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import Unsupported
from bench.protocols import RunsModules
from bench.worker.build import EVALUATION_BATCH, MODULE, Build
from bench.worker.loading import load_target


class Checking:
    """Answers for the model that a build holds."""

    def __init__(self, build: Build) -> None:
        self._build = build

    def examples(self, *, path: str, n: int) -> Mapping[str, Any]:
        """Write the task's first n calibration inputs as npz; return how many there are and how they are to be run.

        Raises Unsupported where the task has none.
        """
        task = self._build.held_task()
        arrays = {name: np.asarray(value) for name, value in task.inputs("calibration", n).items()}
        examples = min((len(each) for each in arrays.values() if each.ndim), default=0)
        if not examples:
            raise Unsupported("the task has no calibration inputs")
        np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy types the array names as its own flags
        batch = int(getattr(task, "evaluation_batch", EVALUATION_BATCH))
        return {"examples": examples, "batch": batch, "metric": task.metric.name}

    def outputs(
        self, *, target: str, options: Mapping[str, Any], inputs: str, outputs: str, batch: int
    ) -> Mapping[str, Any]:
        """Run the module in memory on stored inputs in batches, by a backend that can; write its outputs as npz."""
        if self._build.format != MODULE:
            raise Unsupported(f"there is no module in memory: the model is {self._build.format or 'not prepared'}")
        backend = load_target(target)(**options)
        if not isinstance(backend, RunsModules):
            raise Unsupported(f"'{target}' does not run modules in memory")
        with np.load(inputs, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        slices = [slice(at, at + batch) for at in range(0, len(next(iter(arrays.values()))), batch)]
        parts = [
            backend.run_module(self._build.model, {key: each[some] for key, each in arrays.items()}) for some in slices
        ]
        joined = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
        Path(outputs).parent.mkdir(parents=True, exist_ok=True)
        np.savez(outputs, **joined)  # type: ignore[arg-type]  # as above
        return {}
