"""Sessions of LiteRT: one interpreter, inputs in its own memory before timing, results there when a call returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_litert.reading import RESOLVERS, fixed_batch, names_of, open_file, refusal, version

Array = np.ndarray[Any, Any]


def open_session(artifact: bench.Artifact, *, device: str, threads: int, kernels: str) -> LiteRtSession:
    """Open a file on the CPU. Raises Unsupported for another device and for what the runtime has no kernel for."""
    if device != "cpu":
        raise bench.Unsupported(
            f"backend 'litert' runs on cpu, not on '{device}'", cure="choose device cpu, or a backend for that device"
        )
    interpreter = open_file(artifact.path, threads=threads, kernels=kernels)
    session = LiteRtSession(interpreter, artifact.path, threads, kernels)
    session.allocate()
    return session


class LiteRtSession:
    """One interpreter, which a bound call and `run` share: the weights that the kernels pack are there once.

    Floats given to an integer input are quantised by the input's own scale, and integer outputs that have one are
    dequantised by `run`: whoever grades sees floats, whatever the file takes. A bound call quantises before timing and
    leaves its outputs as they are, as a device would.
    """

    def __init__(self, interpreter: Any, path: Path, threads: int, kernels: str) -> None:
        self._interpreter: Any = interpreter
        self._path, self._threads, self._kernels = path, threads, kernels
        self._inputs, self._outputs = names_of(interpreter)
        self._details = {each["index"]: each for each in interpreter.get_input_details()}
        self._made = {each["index"]: each for each in interpreter.get_output_details()}
        self._batch = fixed_batch(interpreter)
        self._owner: object = None

    def allocate(self) -> None:
        """Plan memory and let the delegate take its part of the graph. Raises Unsupported where that fails."""
        try:
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise refusal(self._path, error) from error

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs once and return the call on them: it returns the outputs as a list of arrays.

        A call that follows a `run`, or one of another binding, first puts its own inputs back.
        """
        feed, owner = self._feed(inputs), object()
        count = _rows(feed.values())
        if self._batch not in (None, count):
            raise bench.Unsupported(
                f"{self._path.name} takes batches of {self._batch} only, not of {count}",
                cure=f"measure at batch {self._batch}, or convert the model with a free batch axis",
            )
        self._load(feed, owner)
        interpreter, outputs = self._interpreter, list(self._outputs.values())
        invoke, get = interpreter.invoke, interpreter.get_tensor

        def call() -> Any:
            if self._owner is not owner:
                self._load(feed, owner)
            invoke()
            return [get(index) for index in outputs]

        return call

    def run(self, inputs: bench.Arrays) -> dict[str, Array]:
        """Run one batch, in parts where the file fixes its batch; half-precision outputs come back as float32."""
        feed = self._feed(inputs)
        parts = [self._run(each) for each in _split(feed, self._batch)]
        return (
            {name: np.concatenate([part[name] for part in parts]) for name in self._outputs} if parts[1:] else parts[0]
        )

    def synchronize(self) -> None:
        """Return at once: the interpreter is done when a call returns."""

    def wanted(self) -> list[tuple[str, tuple[int | None, ...], Any]]:
        """Return each input's name, shape (None where an axis is free) and type: float32 for integers with a scale."""
        found = []
        for name, index in self._inputs.items():
            each = self._details[index]
            shape = tuple(int(size) if size > 0 else None for size in each["shape_signature"])
            found.append((name, shape, np.float32 if each["quantization"][0] else each["dtype"]))
        return found

    def facts(self) -> dict[str, Any]:
        """Return the version, the resolver and delegate that kernels come from, and what is executed.

        `operators` counts the nodes that are executed after a delegate took its part: `delegated` are in it. The
        operators and types of `executed` are those of the file.
        """
        from bench_litert.executed import executed_by, plan_of

        return {
            "runtime": "litert",
            "version": version(),
            "threads": self._threads,
            "resolver": RESOLVERS[self._kernels],
            **plan_of(self._interpreter),
            "executed": executed_by(self._path),
        }

    def close(self) -> None:
        """Free the session."""
        self._interpreter, self._owner = None, None

    def _run(self, feed: Mapping[int, Array]) -> dict[str, Array]:
        self._load(feed, None)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise refusal(self._path, error) from error
        return {
            name: _floats(self._interpreter.get_tensor(index), self._made[index])
            for name, index in self._outputs.items()
        }

    def _load(self, feed: Mapping[int, Array], owner: object) -> None:
        """Give the interpreter inputs, and memory for their shapes where these changed."""
        interpreter = self._interpreter
        now = {each["index"]: tuple(each["shape"]) for each in interpreter.get_input_details()}
        changed = {index: value for index, value in feed.items() if now[index] != value.shape}
        try:
            for index, value in changed.items():
                interpreter.resize_tensor_input(index, value.shape)
            if changed:
                interpreter.allocate_tensors()
            for index, value in feed.items():
                interpreter.set_tensor(index, value)
        except (ValueError, RuntimeError) as error:
            raise refusal(self._path, error) from error
        self._owner = owner

    def _feed(self, inputs: bench.Arrays) -> dict[int, Array]:
        if set(inputs) != set(self._inputs):
            wanted, got = ", ".join(sorted(self._inputs)), ", ".join(sorted(inputs))
            raise bench.BenchError(f"the model takes the inputs {wanted}; it was given {got}")
        return {index: converted(name, inputs[name], self._details[index]) for name, index in self._inputs.items()}


def _rows(arrays: Any) -> int:
    return max((len(each) for each in arrays if each.ndim), default=1)


def _split(feed: Mapping[int, Array], batch: int | None) -> list[dict[int, Array]]:
    count = _rows(feed.values())
    if batch is None or count == batch:
        return [dict(feed)]
    if count % batch:
        raise bench.Unsupported(f"the file takes batches of {batch} only, which {count} examples do not fill")
    return [{index: value[at : at + batch] for index, value in feed.items()} for at in range(0, count, batch)]


def converted(name: str, array: Any, wanted: Mapping[str, Any]) -> Array:
    """Return an input as the file takes it. Raises BenchError for floats where it takes integers without a scale."""
    value, dtype = np.asarray(array), np.dtype(wanted["dtype"])
    if value.dtype.kind == "f" and dtype.kind in "iub":
        scale, zero = wanted["quantization"]
        if not scale:
            raise bench.BenchError(f"input '{name}' is {dtype} in the model; it was given {value.dtype}")
        limits = np.iinfo(dtype)
        value = np.clip(np.round(value / scale) + zero, limits.min, limits.max)
    return np.array(value, dtype=dtype, order="C")


def _floats(value: Array, made: Mapping[str, Any]) -> Array:
    """Return an output as floats: integers that have a scale dequantised, halves widened."""
    scale, zero = made["quantization"]
    if value.dtype.kind in "iu" and scale:
        return ((value.astype(np.float32) - zero) * scale).astype(np.float32)
    return value.astype(np.float32) if value.dtype == np.float16 else value
