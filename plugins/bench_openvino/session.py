"""Sessions of OpenVINO: one request on copied inputs, whose result is in memory when a call returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import openvino

import bench
from bench_openvino.reading import read_model, refusal, version

DEVICE = "CPU"
CAPABILITIES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}
SINK = "/sink_port_0"  # what the ONNX reader appends to an output's name


def open_session(artifact: bench.Artifact, *, device: str, threads: int, hint: str, precision: str) -> OpenVinoSession:
    """Compile a file for the CPU. Raises Unsupported for another device, precision or an operator it lacks."""
    if device != "cpu":
        raise bench.Unsupported(
            f"backend 'openvino' runs on cpu, not on '{device}'", cure="choose device cpu, or a backend for that device"
        )
    core = openvino.Core()
    _check_precision(core, precision)
    model = read_model(core, artifact)
    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": hint.upper(),
        # The harness chooses the core of every block, the same for all sides.
        "ENABLE_CPU_PINNING": False,
    }
    try:
        compiled = core.compile_model(model, DEVICE, settings)
    except RuntimeError as error:
        raise refusal(artifact.path, error) from error
    return OpenVinoSession(compiled, artifact, settings)


def _check_precision(core: Any, precision: str) -> None:
    """Refuse a precision that this processor lacks: the runtime would take another one and not say so."""
    offered = core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
    if CAPABILITIES[precision] not in offered:
        known = ", ".join(name for name, each in CAPABILITIES.items() if each in offered)
        raise bench.Unsupported(f"openvino computes in {known} on this processor, not in {precision}")


class OpenVinoSession:
    """One compiled model and one request."""

    def __init__(self, compiled: Any, artifact: bench.Artifact, settings: dict[str, Any]) -> None:
        self._compiled: Any = compiled
        self._artifact, self._settings = artifact, settings
        self._request: Any = compiled.create_infer_request()
        self._inputs = {input_name(each): each for each in compiled.inputs}
        self._outputs = {_output_name(each): each for each in compiled.outputs}
        # Requests of one stream share a graph, and it goes on pointing at the inputs of the last call after that call's
        # request is gone: freed, they take the process with them (2026.4.1). So they stay as long as the session.
        self._bound: list[Any] = []

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs once and return the call on them: it returns the outputs as a list of arrays.

        The arrays are the request's own memory: the next call overwrites them, as a server would reuse its buffers.
        """
        request, feed = self._compiled.create_infer_request(), self._feed(inputs)
        for name, array in feed.items():
            request.set_tensor(self._inputs[name], openvino.Tensor(array, shared_memory=True))
        self._bound.append(feed)
        infer = request.infer

        def call() -> Any:
            return list(infer(share_outputs=True).values())

        return call

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch; half-precision outputs come back as float32."""
        feed = {self._inputs[name]: array for name, array in self._feed(inputs).items()}
        found = self._request.infer(feed)
        return {name: _widen(found[each]) for name, each in self._outputs.items()}

    def synchronize(self) -> None:
        """Return at once: a request is done when its call returns."""

    def facts(self) -> dict[str, Any]:
        """Return the version, what the runtime made of its settings, and the layers of the graph that it executes.

        `operators` counts the executed layers, `precisions` what they compute in, `kernels` the implementations chosen:
        whether an int8 file runs in integers can be read there.
        """
        layers = [each.get_rt_info() for each in self._compiled.get_runtime_model().get_ops()]
        working = [each for each in layers if _text(each, "layerType") not in ("Input", "Output", "Const")]
        return {
            "runtime": "openvino",
            "version": version(),
            "device": DEVICE,
            "threads": int(self._compiled.get_property("INFERENCE_NUM_THREADS")),
            "streams": int(self._compiled.get_property("NUM_STREAMS")),
            "precision": self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
            "hint": str(self._compiled.get_property("PERFORMANCE_HINT")).lower(),
            "pinning": bool(self._compiled.get_property("ENABLE_CPU_PINNING")),
            "operators": _counted(working, "layerType"),
            "precisions": _counted(working, "runtimePrecision"),
            "kernels": _counted(working, "primitiveType"),
        }

    def profile(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return what is executed for a batch, by the counters of the same model compiled once more with them on."""
        from bench_openvino.profile import profiled

        core = openvino.Core()
        model = read_model(core, self._artifact)
        types = {each.get_friendly_name(): each.get_type_name() for each in model.get_ops()}
        compiled = core.compile_model(model, DEVICE, {**self._settings, "PERF_COUNT": True})
        feed = self._feed(inputs)
        return profiled(compiled, {each: feed[input_name(each)] for each in compiled.inputs}, types)

    def close(self) -> None:
        """Free the session."""
        self._request = self._compiled = None
        self._inputs, self._outputs, self._bound = {}, {}, []

    def _feed(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        if set(inputs) != set(self._inputs):
            wanted, got = ", ".join(sorted(self._inputs)), ", ".join(sorted(inputs))
            raise bench.BenchError(f"the model takes the inputs {wanted}; it was given {got}")
        return {name: converted(name, inputs[name], each) for name, each in self._inputs.items()}


def input_name(port: Any) -> str:
    """Return the name that the file gives an input."""
    return str(port.get_any_name())


def _output_name(port: Any) -> str:
    """Return the name that the file gives an output; a tensor that passes through may carry others too."""
    own = str(port.get_node().get_friendly_name()).removesuffix(SINK)
    return own if own in port.get_names() else str(port.get_any_name())


def converted(name: str, array: Any, port: Any) -> np.ndarray[Any, Any]:
    """Return a copy in the type of an input. Raises BenchError for floats given to integers, and for another shape."""
    value, dtype = np.asarray(array), np.dtype(port.get_element_type().to_dtype())
    if value.dtype.kind == "f" and dtype.kind in "iub":
        raise bench.BenchError(f"input '{name}' is {dtype} in the model; it was given {value.dtype}")
    if not port.get_partial_shape().compatible(openvino.PartialShape(list(value.shape))):
        shape = port.get_partial_shape()
        raise bench.BenchError(f"input '{name}' is of shape {shape} in the model; it was given {list(value.shape)}")
    return np.array(value, dtype=dtype, order="C")


def _widen(value: Any) -> np.ndarray[Any, Any]:
    array = np.array(value)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _counted(layers: list[Any], key: str) -> dict[str, int]:
    return dict(sorted(Counter(_text(each, key) for each in layers).items()))


def _text(layer: Any, key: str) -> str:
    value = layer[key]
    return str(value.astype(str) if hasattr(value, "astype") else value)
