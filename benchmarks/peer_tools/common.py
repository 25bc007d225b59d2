"""What the children share: calibration examples one by one, and one file as the result. They import nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Feed = dict[str, Any]


def feeds(file: Path) -> list[Feed]:
    """Return the calibration examples of an npz, one feed each, in their order."""
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    count = len(next(iter(arrays.values())))
    return [{name: each[i : i + 1] for name, each in arrays.items()} for i in range(count)]


class Reader:
    """Feeds calibration examples as onnxruntime's readers do."""

    def __init__(self, file: Path) -> None:
        self._all = feeds(file)
        self.rewind()

    def get_next(self) -> Feed | None:
        """Return the next feed, or None at the end."""
        return next(self._left, None)

    def rewind(self) -> None:
        """Begin again."""
        self._left: Iterator[Feed] = iter(self._all)


def save_alone(source: Path, target: Path) -> None:
    """Write a model with its weights inside, whatever the tool put beside it: bytes are compared, not files."""
    import onnx

    model = onnx.load(source)
    for tensor in model.graph.initializer:
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
    onnx.save(model, target)
