"""Sessions of TensorFlow: one traced function on the CPU, whose outputs are in memory when a call returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bench
from bench_tensorflow import runtime
from bench_tensorflow.files import Callee, read_callee
from bench_tensorflow.runtime import tf, told


def open_session(artifact: bench.Artifact, *, device: str, threads: int, jit: bool) -> TensorFlowSession:
    """Open a Keras file or a SavedModel. Raises Unsupported for another device and what it cannot trace."""
    if device != "cpu":
        raise bench.Unsupported(
            f"backend 'tensorflow' runs on cpu, not on '{device}'", cure="choose device cpu, or another backend"
        )
    runtime.set_threads(threads)
    tf.config.set_visible_devices([], "GPU")
    callee = read_callee(artifact)
    try:
        return TensorFlowSession(callee, _traced(callee, jit), jit=jit)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise bench.Unsupported(
            f"tensorflow {tf.__version__} cannot run {artifact.path.name}: {told(error)}"
        ) from error


def _traced(callee: Callee, jit: bool) -> Any:
    """Return the function to call: a SavedModel's signature is traced already, and is again only to be compiled."""
    return callee.function if callee.kind == "savedmodel" and not jit else callee.traced(jit=jit)


class TensorFlowSession:
    """One traced function and what it takes."""

    def __init__(self, callee: Callee, function: Any, *, jit: bool) -> None:
        self._callee: Callee | None = callee
        self._function: Any = function
        self._specs = dict(callee.specs)
        self._jit = jit

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs once and return the call on them: it returns the outputs as arrays, computed."""
        function, feed = self._function, self._feed(inputs)

        def call() -> Any:
            return [each.numpy() for each in function(**feed).values()]

        return call

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch; half-precision outputs come back as float32."""
        found = self._function(**self._feed(inputs))
        return {name: _widen(np.array(each.numpy())) for name, each in found.items()}

    def synchronize(self) -> None:
        """Return at once: operations on the CPU are done when a call returns, and its outputs are taken out."""

    def facts(self) -> dict[str, Any]:
        """Return the version, threads, whether oneDNN and XLA are used, and the operations of the traced graph."""
        assert self._callee is not None
        threading = tf.config.threading
        return {
            "runtime": "tensorflow",
            "version": tf.__version__,
            "device": "CPU",
            "threads": threading.get_intra_op_parallelism_threads(),
            "inter_op_threads": threading.get_inter_op_parallelism_threads(),
            "onednn": runtime.onednn(),
            "xla": self._jit,
            "kind": self._callee.kind,
            "parameters": sum(int(np.prod(each.shape)) for each in self._function.variables),
            "operators": _operators(self._function),
        }

    def close(self) -> None:
        """Free the model."""
        self._function = self._callee = None
        self._specs = {}

    def _feed(self, inputs: bench.Arrays) -> dict[str, Any]:
        if set(inputs) != set(self._specs):
            wanted, got = ", ".join(sorted(self._specs)), ", ".join(sorted(inputs))
            raise bench.BenchError(f"the model takes the inputs {wanted}; it was given {got}")
        return {name: _tensor(name, inputs[name], spec) for name, spec in self._specs.items()}


def _tensor(name: str, array: Any, spec: Any) -> Any:
    value, dtype = np.asarray(array), spec.dtype.as_numpy_dtype
    if value.dtype.kind == "f" and np.dtype(dtype).kind in "iub":
        raise bench.BenchError(f"input '{name}' is {np.dtype(dtype)} in the model; it was given {value.dtype}")
    if not spec.shape.is_compatible_with(value.shape):
        raise bench.BenchError(f"input '{name}' has the shape {spec.shape}; it was given {list(value.shape)}")
    return tf.constant(np.array(value, dtype=dtype, order="C"))


def _widen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(np.float32) if array.dtype.itemsize == 2 and array.dtype.kind not in "iu" else array


def _operators(function: Any) -> dict[str, int]:
    """Count the operations of a graph and of the functions that it calls."""
    graph, counted = function.graph.as_graph_def(), dict[str, int]()
    for node in [*graph.node, *(node for each in graph.library.function for node in each.node_def)]:
        counted[node.op] = counted.get(node.op, 0) + 1
    silent = ("Placeholder", "NoOp", "Identity", "Const", "ReadVariableOp")
    return dict(sorted((name, n) for name, n in counted.items() if name not in silent))
