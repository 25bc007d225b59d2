"""Sessions of ONNX Runtime: buffers bound once, results in memory when a call returns."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import bench
from bench_onnxruntime.card import bound_on_card
from bench_onnxruntime.providers import Place, assignment, place_of

ERRORS_ONLY = 3
LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
DTYPES: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


def open_session(artifact: bench.Artifact, *, device: str, threads: int, level: str) -> OnnxSession:
    """Open an ONNX file. Raises Unsupported for a device that is not here and for operators without a kernel on it."""
    place = place_of(device)
    session = _load(artifact.path, _options(threads, level, place), place)
    place.check(session, artifact.path.name)
    return OnnxSession(session, artifact.path, threads, level, place)


def _load(path: Path, options: Any, place: Place) -> Any:
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    refused = [errors.NotImplemented, errors.InvalidGraph, errors.InvalidProtobuf, errors.InvalidArgument]
    if place.card is not None:  # no such card, no memory on it, a node that nobody may take
        refused += [errors.Fail, errors.EPFail, errors.RuntimeException]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=place.providers)
    except tuple(refused) as error:
        message = f"onnxruntime {onnxruntime.__version__} cannot run {path.name}: {' '.join(str(error).split())[:300]}"
        raise bench.Unsupported(
            message, cure="export it in another precision or opset, or choose another backend"
        ) from error


def _options(threads: int, level: str, place: Place) -> Any:
    options = onnxruntime.SessionOptions()
    place.prepare(options)
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = ERRORS_ONLY
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
    if threads > 1:
        # Spinning workers burn the other cores between calls: others' time, and CPU time that is no work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class OnnxSession:
    """One open file."""

    def __init__(self, session: Any, path: Path, threads: int, level: str, place: Place) -> None:
        self._session, self._place = session, place
        self._path, self._threads, self._level = path, threads, level
        self._inputs = {each.name: each for each in session.get_inputs()}
        self._outputs = session.get_outputs()

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs to the device once and return the call on them: it returns the outputs as a list of arrays.

        Outputs of known shape are written into the same arrays by every call, as a server would reuse its buffers;
        with a shape that only running tells, each call makes new ones. The CPU provider is done when it returns; on a
        card the call waits, and the outputs stay there until they are made into arrays.
        """
        feed = self._feed(inputs)
        buffers = self._buffers(len(next(iter(feed.values()))))
        if self._place.card is not None:
            names = [each.name for each in self._outputs]
            return bound_on_card(self._session, feed, buffers, names, self._place.card)
        if buffers is None:
            session = self._session
            return lambda: session.run(None, feed)
        return _bound(self._session, feed, buffers)

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch; half-precision outputs come back as float32."""
        values = self._session.run(None, self._feed(inputs))
        names = [each.name for each in self._outputs]
        return {name: _widen(value) for name, value in zip(names, values, strict=True)}

    def synchronize(self) -> None:
        """Return at once: a bound call has waited for its results when it returns."""

    def facts(self) -> dict[str, Any]:
        """Return the version, providers, threads and the operators that really run after the runtime's rewriting.

        The operators are read from the rewritten graph, which a second opening writes to a temporary file. On a card
        `assignment` says which provider was given how many of them; None where the runtime does not tell.
        """
        session, place = self._session, self._place
        more = {"tf32": False, "assignment": assignment(session) if session else None} if place.card is not None else {}
        return {
            "runtime": "onnxruntime",
            "version": onnxruntime.__version__,
            "providers": list(self._session.get_providers()) if self._session else [],
            "threads": self._threads,
            "spinning": self._threads == 1,
            "graph_optimization": self._level,
            "operators": executed_operators(self._path, self._level, place),
            **more,
        }

    def profile(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return what is executed for a batch: a second opening of the file keeps the runtime's own profile."""
        from bench_onnxruntime.profile import profiled

        path, place = self._path, self._place
        options = _options(self._threads, self._level, place)
        return profiled(lambda each: _load(path, each, place), options, self._feed(inputs), lambda: packed_type(path))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _feed(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        if set(inputs) != set(self._inputs):
            wanted, got = ", ".join(sorted(self._inputs)), ", ".join(sorted(inputs))
            raise bench.BenchError(f"the model takes the inputs {wanted}; it was given {got}")
        return {name: _convert(inputs[name], each) for name, each in self._inputs.items()}

    def _buffers(self, batch: int) -> dict[str, np.ndarray[Any, Any]] | None:
        """Return an array per output, or None when a shape or type is not known before running."""
        symbol = next(iter(self._inputs.values())).shape[0]
        buffers = {}
        for each in self._outputs:
            shape = [batch if size == symbol else size for size in each.shape]
            if each.type not in DTYPES or not shape or not all(isinstance(size, int) for size in shape):
                return None
            buffers[each.name] = np.zeros(shape, DTYPES[each.type])
        return buffers


def _bound(session: Any, feed: Mapping[str, Any], buffers: Mapping[str, Any]) -> Callable[[], Any]:
    binding = session.io_binding()
    make = onnxruntime.OrtValue.ortvalue_from_numpy
    # On the CPU an OrtValue is a view of the array, which the closure keeps alive.
    kept = {name: (make(value), value) for name, value in {**feed, **buffers}.items()}
    for name in feed:
        binding.bind_ortvalue_input(name, kept[name][0])
    for name in buffers:
        binding.bind_ortvalue_output(name, kept[name][0])
    outputs = list(buffers.values())
    run = session.run_with_iobinding

    def call(_kept: Any = kept) -> Any:
        run(binding)
        return outputs

    return call


def executed_operators(path: Path, level: str, place: Place) -> dict[str, int]:
    """Return how often each operator stands in the graph that the runtime executes, other domains as "domain:Op"."""
    import onnx

    options = _options(1, level, place)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(target)
        _load(path, options, place)
        graph = onnx.load(str(target), load_external_data=False).graph
    return dict(Counter(f"{each.domain}:{each.op_type}" if each.domain else each.op_type for each in graph.node))


def packed_type(path: Path) -> str:
    """Return the type of the weights that a file's MatMulNBits operators take.

    It is "packed" where the file has none: the runtime makes such operators of others by itself.
    """
    import onnx

    nodes = [
        each for each in onnx.load(str(path), load_external_data=False).graph.node if each.op_type == "MatMulNBits"
    ]
    bits = [each.i for node in nodes for each in node.attribute if each.name == "bits"]
    return f"int{max(bits, default=4)}" if nodes else "packed"


def _convert(array: Any, wanted: Any) -> np.ndarray[Any, Any]:
    value = np.asarray(array)
    dtype = DTYPES.get(wanted.type)
    if dtype is None:
        raise bench.Unsupported(f"input '{wanted.name}' is of type {wanted.type}, which no array can hold")
    if value.dtype.kind == "f" and np.dtype(dtype).kind in "iub":
        raise bench.BenchError(f"input '{wanted.name}' is {wanted.type} in the model; it was given {value.dtype}")
    _check_shape(wanted, value.shape)
    return np.array(value, dtype=dtype, order="C")


def _check_shape(wanted: Any, given: tuple[int, ...]) -> None:
    """Refuse another number of axes, or another size of a fixed one. A name stands for any size; a scalar has none."""
    known = [size if isinstance(size, int) else None for size in wanted.shape or ()]
    if len(known) != len(given) or any(size not in (None, mine) for size, mine in zip(known, given, strict=True)):
        shape = ", ".join(map(str, wanted.shape or ()))
        raise bench.BenchError(f"input '{wanted.name}' is of shape [{shape}] in the model; it was given {list(given)}")


def _widen(value: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float16 else array
