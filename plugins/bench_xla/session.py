"""Sessions of XLA: a program traced by lazy tensors at every call, executed and waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import bench
from bench_xla.program import Input, Program, load_program
from bench_xla.runtime import Runtime, open_runtime


def open_session(artifact: bench.Artifact, *, device: str, threads: int) -> XlaSession:
    """Open a .pt2 artifact. Raises Unsupported when the device is not here or the program does not load."""
    runtime = open_runtime(device, threads)
    torch.set_num_threads(threads)
    return XlaSession(runtime, load_program(artifact.path, runtime.device), threads)


class XlaSession:
    """One program whose state is on the device."""

    def __init__(self, runtime: Runtime, program: Program, threads: int) -> None:
        self._runtime, self._inputs, self._threads = runtime, program.inputs, threads
        self._precision = _precision(program.state)
        self._forward = program.graph.forward
        place = {name: _placed(value, runtime.device) for name, value in program.state.items()}
        self._order = [(name, place.get(name)) for name in program.order]
        runtime.finish()

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs to the device once and return the call on them: it returns the outputs, on the device.

        The graph of these shapes is compiled here, before anything is timed.
        """
        call = self._call(inputs)
        call()
        return call

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch; floating-point outputs come back as float32, whatever the model computes in."""
        outputs = self._call(inputs)()
        names = ["output"] if len(outputs) == 1 else [f"output_{index}" for index in range(len(outputs))]
        return {name: _to_numpy(each) for name, each in zip(names, outputs, strict=True)}

    def synchronize(self) -> None:
        """Wait until the device has done everything that was traced."""
        self._runtime.finish()

    def counters(self) -> dict[str, int]:
        """Return how many graphs were executed and compiled so far."""
        return self._runtime.counters()

    def facts(self) -> dict[str, Any]:
        """Return versions, device, and what was compiled until now: in `compiled` graphs and `compile_s` seconds."""
        return {
            "runtime": "torch_xla",
            "version": self._runtime.version,
            "torch": torch.__version__,
            "device": self._runtime.hardware,
            "mode": "lazy",
            "threads": self._threads,
            "precision": self._precision,
            "inputs": {each.name: str(each.dtype).removeprefix("torch.") for each in self._inputs},
            "compiled": self._runtime.counters()["compiled"],
            "compile_s": round(self._runtime.compile_s(), 3),
            "fallbacks": self._runtime.fallbacks(),
        }

    def close(self) -> None:
        """Drop the program; the device's memory goes with the last reference."""
        self._forward, self._order, self._inputs = None, [], ()

    def _call(self, inputs: bench.Arrays) -> Callable[[], Any]:
        tensors = self._tensors(inputs)
        arguments = tuple(tensors.get(name, value) for name, value in self._order)
        forward, no_grad, finish = self._forward, torch.no_grad, self._runtime.finish
        finish()  # copies to the device are no part of a call

        def call() -> Any:
            with no_grad():
                outputs = forward(*arguments)
            finish()  # while `outputs` still holds what is to be computed
            return outputs

        return call

    def _tensors(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return the inputs on the device by placeholder, in the dtype the program takes."""
        wanted = {each.name for each in self._inputs}
        if wanted != set(inputs):
            got = ", ".join(sorted(inputs))
            raise bench.BenchError(f"the program takes the inputs {', '.join(sorted(wanted))}; it was given {got}")
        made = {each.placeholder: _tensor(inputs[each.name], each) for each in self._inputs}
        return {name: _placed(each, self._runtime.device) for name, each in made.items()}


def _placed(value: Any, device: Any) -> Any:
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _tensor(array: Any, wanted: Input) -> Any:
    tensor = torch.tensor(np.asarray(array))
    if tensor.is_floating_point() and not wanted.dtype.is_floating_point:
        kind = str(wanted.dtype).removeprefix("torch.")
        raise bench.BenchError(f"input '{wanted.name}' is {kind} in the program; it was given {tensor.dtype}")
    return tensor.to(wanted.dtype)


def _to_numpy(output: Any) -> np.ndarray[Any, Any]:
    output = output.detach().cpu()
    result: np.ndarray[Any, Any] = (output.float() if output.is_floating_point() else output).numpy().copy()
    return result


def _precision(state: Mapping[str, Any]) -> dict[str, int]:
    """Return how many bytes of state are of each dtype."""
    sizes: dict[str, int] = {}
    for value in state.values():
        if isinstance(value, torch.Tensor):
            name = str(value.dtype).removeprefix("torch.")
            sizes[name] = sizes.get(name, 0) + value.numel() * value.element_size()
    return sizes
