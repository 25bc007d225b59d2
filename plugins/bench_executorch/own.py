"""A model of your own for `bench try`: a .pte program."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_executorch.session import ExecuTorchSession, open_session


class ProgramFile:
    """A .pte program of a fixed batch; a stranger's input is called `input`, several `input_0`, `input_1` and so on."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @cached_property
    def _session(self) -> ExecuTorchSession:
        return open_session(bench.Artifact.of(self.path, "executorch"), device="cpu", threads=1)

    def inputs(self) -> list[bench.ModelInput]:
        """Return the program's inputs."""
        return [
            bench.ModelInput(each.name, each.shape, torch.empty(0, dtype=each.dtype).numpy().dtype)
            for each in self._session.inputs
        ]

    def write(self, folder: Path) -> Path:
        """Copy the file."""
        path = folder / "model.pte"
        shutil.copyfile(self.path, path)
        return path

    def answer(self, arrays: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run it."""
        return self._session.run(arrays)
