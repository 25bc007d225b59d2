"""Sessions of ExecuTorch: one method of a fixed batch, whose result is in memory when a call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from executorch.extension.pybindings import portable_lib

import bench
from bench_executorch.reading import Opened, Port, open_program


def open_session(artifact: bench.Artifact, *, device: str, threads: int) -> ExecuTorchSession:
    """Load a file for the CPU. Raises Unsupported for another device, and for what the runtime cannot run."""
    if device != "cpu":
        raise bench.Unsupported(
            f"backend 'executorch' runs on cpu, not on '{device}'",
            cure="choose device cpu, or a backend for that device",
        )
    # The runtime's pool is the process's own and heeds no variable; a method keeps the one it was loaded with.
    portable_lib._unsafe_reset_threadpool(threads)
    return ExecuTorchSession(artifact.path, open_program(artifact.path))


class ExecuTorchSession:
    """One loaded method."""

    def __init__(self, path: Path, opened: Opened) -> None:
        self._path, self._opened = path, opened
        self._method: Any = opened.method

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Return what the program takes, in order."""
        return self._opened.inputs

    @property
    def batch(self) -> int:
        """Return the rows that one run of the program takes."""
        shape = self.inputs[0].shape if self.inputs else ()
        return shape[0] if shape else 1

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs once and return the call on them: one run of the program for each batch of its own.

        The call returns the outputs of each run; where there is one, they are the program's own memory. Raises
        Unsupported for rows that do not fill such batches.
        """
        rows = _rows(inputs)
        if rows % self.batch:
            raise bench.Unsupported(
                f"the program takes {self.batch} rows at a time; {rows} were given",
                cure=f"use a batch that is a multiple of {self.batch}",
            )
        method, parts = self._method, [self._tensors(part) for part in self._batches(inputs)]
        if len(parts) == 1:
            only = parts[0]
            return lambda: method(only, False)
        return lambda: [method(part) for part in parts]

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run any number of rows, the last batch filled up; half-precision outputs come back as float32."""
        found = [self._method(self._tensors(part)) for part in self._batches(inputs)]
        joined = [
            np.concatenate([_to_numpy(each) for each in parts])[: _rows(inputs)] for parts in zip(*found, strict=True)
        ]
        names = ["output"] if len(joined) == 1 else [f"output_{index}" for index in range(len(joined))]
        return dict(zip(names, joined, strict=True))

    def synchronize(self) -> None:
        """Return at once: a call is done when it returns."""

    def facts(self) -> dict[str, Any]:
        """Return the version, the batch of one run, threads, and the operators that XNNPACK took and left."""
        return {
            "runtime": "executorch",
            "version": version("executorch"),
            "device": "cpu",
            "threads": int(portable_lib._threadpool_get_thread_count()),
            "batch": self.batch,
            "inputs": {each.name: str(each.dtype).removeprefix("torch.") for each in self.inputs},
            **self._opened.notes.facts(),
        }

    def profile(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return what is executed for a batch, as the runtime's own trace has it."""
        from bench_executorch.profile import profiled

        return profiled(self._path, [self._tensors(part) for part in self._batches(inputs)])

    def close(self) -> None:
        """Drop the method; its memory goes with the last reference."""
        self._method = None

    def _batches(self, inputs: bench.Arrays) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
        wanted = {each.name for each in self.inputs}
        if set(inputs) != wanted:
            got = ", ".join(sorted(inputs))
            raise bench.BenchError(f"the program takes the inputs {', '.join(sorted(wanted))}; it was given {got}")
        for first in range(0, _rows(inputs), self.batch):
            part = {name: np.asarray(each)[first : first + self.batch] for name, each in inputs.items()}
            yield {name: _filled(each, self.batch) for name, each in part.items()}

    def _tensors(self, part: bench.Arrays) -> list[Any]:
        return [_tensor(part[each.name], each) for each in self.inputs]


def _rows(inputs: bench.Arrays) -> int:
    return len(np.asarray(next(iter(inputs.values()))))


def _filled(array: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    """Repeat the last row until there are enough."""
    lacking = rows - len(array)
    return np.concatenate([array, np.repeat(array[-1:], lacking, axis=0)]) if lacking else array


def _tensor(array: Any, wanted: Port) -> Any:
    tensor = torch.tensor(array)
    if tensor.is_floating_point() and not wanted.dtype.is_floating_point:
        kind = str(wanted.dtype).removeprefix("torch.")
        raise bench.BenchError(f"input '{wanted.name}' is {kind} in the program; it was given {array.dtype}")
    if tuple(tensor.shape) != wanted.shape:
        raise bench.BenchError(
            f"input '{wanted.name}' is {list(wanted.shape)} in the program; it was given {list(tensor.shape)}"
        )
    return tensor.to(wanted.dtype)


def _to_numpy(output: Any) -> np.ndarray[Any, Any]:
    output = output.detach()
    result: np.ndarray[Any, Any] = (output.float() if output.is_floating_point() else output).numpy()
    return result
