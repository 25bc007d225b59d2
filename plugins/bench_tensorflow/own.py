"""A model of your own for `bench try`: a .keras or .h5 file."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import bench


class KerasModel:
    """A Keras file; TensorFlow is imported when the file is first asked anything."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def inputs(self) -> list[bench.ModelInput]:
        """Return the model's inputs; the first axis is the batch."""
        return [
            bench.ModelInput(name, (None, *each.shape[1:].as_list()), np.dtype(each.dtype.as_numpy_dtype))
            for name, each in self._callee.specs.items()
        ]

    def write(self, folder: Path) -> Path:
        """Copy the file as it is."""
        return Path(shutil.copyfile(self.path, folder / f"model{self.path.suffix}"))

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run it."""
        from bench_tensorflow.session import TensorFlowSession

        return TensorFlowSession(self._callee, self._function, jit=False).run(arrays)

    @cached_property
    def _callee(self) -> Any:
        from bench_tensorflow import runtime
        from bench_tensorflow.files import keras_callee, read_keras

        runtime.set_threads(1)
        return keras_callee(read_keras(self.path))

    @cached_property
    def _function(self) -> Any:
        return self._callee.traced()
