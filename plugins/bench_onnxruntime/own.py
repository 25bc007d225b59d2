"""A model of your own for `bench try`: an .onnx file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import bench
from bench_onnxruntime.providers import Place
from bench_onnxruntime.session import DTYPES

ERRORS_ONLY = 3


class OnnxModel:
    """An .onnx file."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @cached_property
    def _session(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=Place().providers)
        except Exception as error:
            message = f"{self.path.name} does not open as ONNX: {str(error)[:300]}"
            raise bench.Unsupported(message, cure="check it with onnx.checker, or export it again") from error

    def inputs(self) -> list[bench.ModelInput]:
        """Return the graph's inputs; a named or missing size is a free axis."""
        return [
            bench.ModelInput(each.name, tuple(_size(size) for size in each.shape), self._dtype(each))
            for each in self._session.get_inputs()
        ]

    def _dtype(self, given: Any) -> np.dtype[Any]:
        if given.type not in DTYPES:
            raise bench.Unsupported(
                f"{self.path.name}: input '{given.name}' is a {given.type}, which cannot be made up"
            )
        return np.dtype(DTYPES[given.type])

    def write(self, folder: Path) -> Path:
        """Copy the model into one file, weights that lie beside it taken in."""
        path = folder / "model.onnx"
        onnx.save(onnx.load(str(self.path)), str(path))
        return path

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run it."""
        names = [each.name for each in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, dict(arrays)), strict=True))


def _size(size: Any) -> int | None:
    return size if isinstance(size, int) and size > 0 else None
