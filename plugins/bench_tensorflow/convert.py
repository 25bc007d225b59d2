"""From Keras files and SavedModels to other files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_tensorflow import runtime
from bench_tensorflow.files import Callee, read_callee
from bench_tensorflow.runtime import tf, told

Settings = Callable[[Any], None]


def to_saved_model(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "savedmodel"` and return it."""
    runtime.set_threads(1)
    folder = write_saved_model(read_callee(artifact), Path(ctx.workdir) / "savedmodel")
    ctx.note(converter=runtime.versions())
    return folder


def to_tflite(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "model.tflite"` in float32 and return it."""
    runtime.set_threads(1)
    path = write_tflite(read_callee(artifact), Path(ctx.workdir) / "model.tflite", lambda _: None)
    ctx.note(converter=runtime.versions())
    return path


def save_keras(model: Any, folder: Path, name: str) -> Path:
    """Write a Keras 2 model as a .keras file and return its path.

    A copy is written, without the state of the optimiser that trained it: twice the weights' size again.
    """
    path = Path(folder) / f"{name}.keras"
    bare = tf.keras.models.clone_model(model)
    bare.set_weights(model.get_weights())
    bare.save(str(path), save_format="keras")
    return path


def write_saved_model(callee: Callee, folder: Path) -> Path:
    """Write a function as a SavedModel with the one signature that keeps its names."""
    function = callee.traced()
    tf.saved_model.save(_holder(callee, function), str(folder), signatures=function)
    return folder


def write_tflite(callee: Callee, path: Path, settings: Settings) -> Path:
    """Convert a function to a .tflite file; `settings` adjusts the converter. Raises Unsupported where that fails."""
    try:
        function = callee.traced()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], _holder(callee, function))
        settings(converter)
        path.write_bytes(converter.convert())
    except bench.BenchError:
        raise
    except Exception as error:
        raise bench.Unsupported(f"TensorFlow's converter to TFLite refuses the model: {told(error)}") from error
    return path


def representative(arrays: bench.Arrays) -> Callable[[], Iterator[dict[str, Any]]]:
    """Return calibration inputs as the converter asks for them: one example at a time, by name."""
    held = len(next(iter(arrays.values())))

    def examples() -> Iterator[dict[str, Any]]:
        for index in range(held):
            yield {name: np.asarray(value)[index : index + 1] for name, value in arrays.items()}

    return examples


def _holder(callee: Callee, function: Any) -> Any:
    """Return an object that TensorFlow tracks, with what a function computes with.

    The variables of a Keras 3 model are not found through the model: untracked, they would be missing at calibration.
    """
    holder = tf.Module()
    holder.model, holder.kept = callee.owner, list(function.variables)
    return holder
