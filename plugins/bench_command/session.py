"""Sessions of a program: inputs and outputs as .npz files, calls timed by its clock or by ours."""

from __future__ import annotations

import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_command.runner import Runner

PROTOCOL = 1
CLOCKS = ("runner", "wall")
CLOCKS_APART = 1.1  # two clocks may differ by a few percent; a wrong unit is a factor of a thousand


def open_session(
    artifact: bench.Artifact, program: str, *, device: str, threads: int, patience_s: float
) -> CommandSession:
    """Start the program and let it open the file; a program that fails at it is ended."""
    runner = Runner(program, patience_s)
    try:
        where = {"model": str(artifact.path.resolve()), "format": artifact.format}
        answer = runner.ask("open", protocol=PROTOCOL, device=device, threads=threads, **where)
        return CommandSession(runner, _facts(answer))
    except BaseException:
        runner.end()
        raise


class CommandSession:
    """An opened file in a program. `clock` is whose clock times its calls: "runner" or "wall"."""

    def __init__(self, runner: Runner, facts: Mapping[str, Any]) -> None:
        self._runner, self._facts = runner, dict(facts)
        self._folder = Path(tempfile.mkdtemp(prefix="bench-command-"))
        self._bound: dict[Callable[[], Any], int] = {}
        self._count = 0
        self.clock = str(self._facts["clock"])

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Hand over the inputs once; the call runs them and returns the outputs as a list of arrays."""
        number = self._bind(inputs)

        def call() -> list[Any]:
            self._runner.ask("call", bound=number)
            return list(self._outputs(number).values())

        self._bound[call] = number
        return call

    def time_calls(self, call: Callable[[], Any], n: int) -> tuple[list[int], Any]:
        """Run a bound call n times; return nanoseconds of each, and the last outputs, fetched when the clock stands."""
        number = self._bound[call]
        ns = self._by_runner(number, n) if self.clock == "runner" else self._by_wall(number, n)
        return ns, list(self._outputs(number).values())

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch and return the outputs by name."""
        number = self._bind(inputs)
        self._runner.ask("call", bound=number)
        outputs = self._outputs(number)
        self._runner.ask("unbind", bound=number)
        return outputs

    def synchronize(self) -> None:
        """Return at once: a program answers when its result is there."""

    def facts(self) -> dict[str, Any]:
        """Return what the program says of itself, and whose clock times its calls."""
        return dict(self._facts)

    def close(self) -> None:
        """End the program."""
        self._runner.end()
        self._bound = {}
        shutil.rmtree(self._folder, ignore_errors=True)

    def _bind(self, inputs: bench.Arrays) -> int:
        self._count = number = self._count + 1
        place = self._folder / f"inputs-{number}.npz"
        np.savez(place, **{name: np.asarray(value) for name, value in inputs.items()})  # type: ignore[arg-type]
        try:
            self._runner.ask("bind", bound=number, inputs=str(place))
        finally:
            place.unlink(missing_ok=True)
        return number

    def _outputs(self, number: int) -> dict[str, np.ndarray[Any, Any]]:
        place = self._folder / "outputs.npz"
        place.unlink(missing_ok=True)
        self._runner.ask("outputs", bound=number, outputs=str(place))
        try:
            with place.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:  # an .npy file is a TypeError
            raise bench.BenchError(f"the program wrote no outputs that can be read: {error}") from error
        if not found:
            raise bench.BenchError("the program wrote no outputs")
        return found

    def _by_wall(self, number: int, n: int) -> list[int]:
        clock, ask, walls = time.perf_counter_ns, self._runner.ask, []
        for _ in range(n):
            began = clock()
            ask("call", bound=number)
            walls.append(clock() - began)
        return walls

    def _by_runner(self, number: int, n: int) -> list[int]:
        began = time.perf_counter_ns()
        told = self._runner.ask("time", bound=number, calls=n).get("ns")
        passed = time.perf_counter_ns() - began
        if not isinstance(told, list) or len(told) != n or not all(_is_time(each) for each in told):
            raise bench.BenchError(f"the program answered 'time' without {n} whole nanoseconds above 0 in 'ns'")
        if sum(told) > CLOCKS_APART * passed:
            message = f"the program says that {n} calls took {sum(told)} ns; its answer took {passed}"
            raise bench.BenchError(message, cure="'ns' holds nanoseconds of each call, one after the other")
        return told


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 62


def _facts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of an answer to `open`. Raises BenchError for one without runtime, version and clock."""
    lacking = [name for name in ("runtime", "version") if not isinstance(answer.get(name), str) or not answer[name]]
    if lacking:
        raise bench.BenchError(f"the program's answer to 'open' lacks {' and '.join(lacking)}")
    if answer.get("clock") not in CLOCKS:
        raise bench.BenchError(
            "the program's answer to 'open' says no clock: 'runner' when it answers 'time', or 'wall'"
        )
    more = answer.get("facts", {})
    own = {name: answer[name] for name in ("runtime", "version", "clock")}
    return {**(more if isinstance(more, dict) else {}), **own}
