"""From an ONNX file to a SavedModel, by onnx2tf and the TensorFlow that it pins."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import bench
from bench_tensorflow import runtime
from bench_tensorflow.convert import write_saved_model
from bench_tensorflow.files import Callee
from bench_tensorflow.runtime import tf, told

WHOLE = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"})
WHOLE_PRODUCTS = frozenset({"MatMulInteger", "ConvInteger", "MatMulNBits"})


def to_saved_model(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "savedmodel"` and return it: the batch stays free, names and the order of axes are kept.

    Raises Unsupported for quantised files, and for those that the converter fails on.
    """
    runtime.set_threads(1)
    folder = Path(ctx.workdir)
    graph = onnx.load(str(artifact.path))
    _require_floats(graph)
    names = _names(graph.graph.input, {each.name for each in graph.graph.initializer})
    outputs = _names(graph.graph.output, set())
    model = _converted(_simplified(graph, folder), folder, _with_channels(graph, names))
    made = write_saved_model(_callee(model, graph, names, outputs), folder / "savedmodel")
    ctx.note(converter=f"onnx2tf {version('onnx2tf')}, {runtime.versions()}", operators=len(graph.graph.node))
    return made


def _converted(path: Path, folder: Path, keep: list[str]) -> Any:
    """Return the Keras model that the converter makes; `keep` are the inputs whose channels stay where they are."""
    try:
        with _quiet():
            from onnx2tf import onnx2tf

            # For colour images of a fixed batch it would fetch photographs from the network, to test itself with.
            onnx2tf.download_test_image_data = lambda: np.zeros((20, 128, 128, 3), np.float32)
            return onnx2tf.convert(
                input_onnx_file_path=str(path),
                output_folder_path=str(folder / "converted"),
                keep_ncw_or_nchw_or_ncdhw_input_names=keep or None,
                not_use_onnxsim=True,
                not_use_opname_auto_generate=True,
                disable_model_save=True,
                non_verbose=True,
                verbosity="error",
            )
    except (Exception, SystemExit) as error:  # it ends the process on an operator that it does not know
        raise bench.Unsupported(f"onnx2tf cannot convert the model: {told(error)}") from error  # type: ignore[arg-type]
    finally:
        shutil.rmtree(folder / "converted", ignore_errors=True)


def _simplified(graph: Any, folder: Path) -> Path:
    """Write a copy with constants folded: the converter writes into the file it is given, and knows few shapes."""
    import onnxsim

    path = folder / "simplified.onnx"
    try:
        with _quiet():
            found, same = onnxsim.simplify(graph)
    except Exception:  # noqa: BLE001 - it raises whatever its C++ does; the file may convert as it is
        found, same = graph, False
    onnx.save(found if same else graph, str(path))
    return path


def _callee(model: Any, graph: Any, names: list[str], outputs: list[str]) -> Callee:
    """Return the model as a function of the names that the ONNX file has."""
    given = {str(each.name).partition(":")[0]: each for each in model.inputs}
    if set(given) != {_plain(name) for name in names} or len(model.outputs) != len(outputs):
        raise bench.Unsupported(f"onnx2tf made a model of other inputs or outputs: {', '.join(given)}")
    types = {
        each.name: onnx.helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type) for each in graph.graph.input
    }
    specs = {
        name: tf.TensorSpec([None, *given[_plain(name)].shape[1:]], types[name], name=_plain(name)) for name in names
    }

    def forward(**inputs: Any) -> dict[str, Any]:
        taken = [inputs[name] for name in names]
        order = [names.index(next(each for each in names if _plain(each) == own)) for own in given]
        arguments = [tf.cast(taken[at], each.dtype) for at, each in zip(order, given.values(), strict=True)]
        found = model(arguments if len(arguments) > 1 else arguments[0], training=False)
        return dict(zip(outputs, tf.nest.flatten(found), strict=True))

    return Callee(forward, specs, model, "keras")


def _with_channels(graph: Any, names: list[str]) -> list[str]:
    """Return the inputs of three axes and more, which the converter would else take channels last."""
    axes = {each.name: len(each.type.tensor_type.shape.dim) for each in graph.graph.input}
    return [name for name in names if axes[name] >= 3]


def _names(values: Any, stored: set[str]) -> list[str]:
    return [each.name for each in values if each.name not in stored]


def _plain(name: str) -> str:
    """Return a name as TensorFlow writes it."""
    return name.replace(":", "_").replace("/", "_")


def _require_floats(graph: Any) -> None:
    found = {each.op_type for each in graph.graph.node} & (WHOLE | WHOLE_PRODUCTS)
    if found:
        raise bench.Unsupported(
            f"TensorFlow computes no quantised ONNX file ({', '.join(sorted(found))}): it would decode it to floats",
            cure="choose backend litert: an int8 model of TensorFlow's is a .tflite file",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
