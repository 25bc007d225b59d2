"""A model of your own for `bench try`: a .tflite file."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_litert.session import LiteRtSession, open_session


class TfliteModel:
    """A .tflite file."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @cached_property
    def _session(self) -> LiteRtSession:
        artifact = bench.Artifact.of(self.path, "tflite")
        return open_session(artifact, device="cpu", threads=1, kernels="xnnpack")

    def inputs(self) -> list[bench.ModelInput]:
        """Return the file's inputs; a size of -1 is a free axis. Integers with a scale are given as floats."""
        return [bench.ModelInput(name, shape, np.dtype(dtype)) for name, shape, dtype in self._session.wanted()]

    def write(self, folder: Path) -> Path:
        """Copy the file."""
        return Path(shutil.copyfile(self.path, folder / "model.tflite"))

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run it."""
        return dict(self._session.run(arrays))
