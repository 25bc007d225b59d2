"""Every check of the kit catches a backend that breaks its rule, and passes one that keeps them all."""

from __future__ import annotations

import mmap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.testing.conformance import CHECKS, NotKept, Subject, check_backend, judge, subject_of
from bench.testing.conformance.resources import Spent

WIDTH, CLASSES = 96, 5


class Honest:
    """Opens an .npy matrix W; its output is max(x + steps, 0) @ W."""

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> HonestSession:
        if device != "cpu":
            raise bench.Unsupported(f"this backend runs on cpu, not on '{device}'")
        try:
            weights = np.load(artifact.path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise bench.Unsupported(f"{artifact.path.name} is no matrix") from error
        return self.session(weights, threads)

    def session(self, weights: Any, threads: int) -> HonestSession:
        return HonestSession(weights, threads)


class HonestSession:
    def __init__(self, weights: Any, threads: int) -> None:
        self.weights, self.threads = weights, threads

    def feed(self, inputs: Any) -> tuple[Any, Any]:
        if set(inputs) != {"x", "steps"}:
            raise bench.BenchError(f"the model takes steps, x; it was given {', '.join(sorted(inputs))}")
        x, steps = np.asarray(inputs["x"]), np.asarray(inputs["steps"])
        if steps.dtype.kind == "f":
            raise bench.BenchError(f"input 'steps' is int64 in the model; it was given {steps.dtype}")
        if x.ndim != 2 or steps.ndim != 2:
            raise bench.BenchError(f"input 'x' is of shape [any, {WIDTH}]; it was given {list(x.shape)}")
        return np.array(x, np.float32), np.array(steps)

    def compute(self, x: Any, steps: Any) -> Any:
        return np.maximum(x + steps, 0) @ self.weights

    def bind(self, inputs: Any) -> Callable[[], Any]:
        x, steps = self.feed(inputs)
        return lambda: self.compute(x, steps)

    def run(self, inputs: Any) -> dict[str, Any]:
        return {"output": np.array(self.bind(inputs)())}

    def synchronize(self) -> None:
        pass

    def facts(self) -> dict[str, Any]:
        return {"runtime": "numpy", "version": np.__version__, "threads": self.threads}

    def close(self) -> None:
        pass


def lying(name: str, **members: Any) -> type[Honest]:
    """Return a backend whose session differs from the honest one in some members."""
    session = type(name, (HonestSession,), members)
    return type(name, (Honest,), {"session": lambda self, weights, threads: session(weights, threads)})


def _slightly_wrong(self: Any, x: Any, steps: Any) -> Any:
    return HonestSession.compute(self, x, steps) * 1.05


def _first_row_only(self: Any, x: Any, steps: Any) -> Any:
    return np.repeat(HonestSession.compute(self, x, steps)[:1], len(x), axis=0)


def _remember(self: Any, inputs: Any) -> Any:
    kept = HonestSession.bind(self, inputs)()
    return lambda: kept


def _alias(self: Any, inputs: Any) -> Any:
    x, steps = self.feed(inputs)[0], inputs["steps"]
    return lambda: self.compute(x, steps)


def _write_input(self: Any, inputs: Any) -> Any:
    self.feed(inputs)
    x, steps = inputs["x"], inputs["steps"]

    def call() -> Any:
        result = self.compute(x, steps)
        x[0, 0] = 5
        return result

    return call


def _submit(self: Any, inputs: Any) -> Any:
    """Return a buffer at once and fill it a little later, as a queue does that nobody waits for."""
    x, steps = self.feed(inputs)

    def call() -> Any:
        buffer = np.zeros((len(x), CLASSES), np.float32)

        def work() -> None:
            time.sleep(0.02)
            buffer[:] = self.compute(x, steps)

        threading.Thread(target=work).start()
        return buffer

    return call


class Later:
    """An array that is computed when it is looked at, as a lazy tensor."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        self.compute = compute

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        for _ in range(50):
            found = self.compute()
        return np.asarray(found, dtype)


def _put_off(self: Any, inputs: Any) -> Any:
    x, steps = self.feed(inputs)
    return lambda: Later(lambda: self.compute(x, steps))


def _on_two_threads(self: Any, inputs: Any) -> Any:
    """Compute on three threads whatever was asked; busy with Python, so that each has its share."""
    x, steps = self.feed(inputs)

    def call() -> Any:
        helpers = [threading.Thread(target=lambda: sum(range(60_000))) for _ in range(3)]
        for each in helpers:
            each.start()
        for each in helpers:
            each.join()
        return self.compute(x, steps)

    return call


def _no_close(kept: list[Any]) -> Any:
    def close(self: Any) -> None:
        pages = mmap.mmap(-1, 4 << 20)  # fresh ones: the heap of a process that ran for long has room to give away
        pages.write(b"1" * len(pages))
        kept.append(pages)

    return close


def _raise_key_error(self: Any, inputs: Any) -> Any:
    return np.array(inputs["x"], np.float32), np.array(inputs["steps"])


def _cut_off(self: Any, inputs: Any) -> Any:
    return HonestSession.feed(self, {**inputs, "steps": np.asarray(inputs["steps"]).astype(np.int64)})


class OncePerProcess(Honest):
    """Keeps one session's weights in the class: a second session takes them away from the first."""

    held: HonestSession | None = None

    def session(self, weights: Any, threads: int) -> HonestSession:
        made = lying_close(weights, threads)
        if OncePerProcess.held is not None:
            OncePerProcess.held.weights = np.zeros_like(weights)
        OncePerProcess.held = made
        return made


class lying_close(HonestSession):
    def close(self) -> None:
        OncePerProcess.held = None


class Credulous(Honest):
    """Takes any file and any device."""

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> HonestSession:
        try:
            return Honest.open(self, artifact, device="cpu", threads=threads)
        except bench.Unsupported:
            return HonestSession(np.zeros((WIDTH, CLASSES), np.float32), threads)


LIARS = {
    "outputs": lying("SlightlyWrong", compute=_slightly_wrong),
    "batches": lying("FirstRowOnly", compute=_first_row_only),
    "anew": lying("Remembers", bind=_remember),
    "inputs": lying("Aliases", bind=_alias),
    "reopen": OncePerProcess,
    "synchronize": lying("Submits", bind=_submit),
    "threads": lying("Greedy", bind=_on_two_threads),
    "memory": lying("Leaks", close=_no_close([])),
    "facts": lying("Silent", facts=lambda self: {"runtime": "numpy"}),
    "wrong-name": lying("Traceback", feed=_raise_key_error),
    "wrong-shape": lying("Broadcasts", feed=_raise_key_error),
    "wrong-type": lying("CutsOff", feed=_cut_off),
    "broken-file": Credulous,
    "device": Credulous,
}


def make(batch: int) -> dict[str, Any]:
    dice = np.random.default_rng(batch)
    return {"x": dice.standard_normal((batch, WIDTH)).astype(np.float32), "steps": dice.integers(0, 3, (batch, 1))}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> bench.Artifact:
    path: Path = tmp_path_factory.mktemp("matrix") / "weights.npy"
    np.save(path, np.random.default_rng(0).standard_normal((WIDTH, CLASSES)).astype(np.float32))
    return bench.Artifact.of(path, "matrix")


@pytest.fixture
def subject(matrix: bench.Artifact) -> Callable[[Any], Subject]:
    honest = Honest().open(matrix, device="cpu", threads=1)
    return lambda backend: subject_of(backend, matrix, inputs=make, reference=honest.run, tolerance=1e-5)


@pytest.mark.parametrize("check", CHECKS)
def test_an_honest_backend_keeps_every_rule(check: str, subject: Callable[[Any], Subject]) -> None:
    found = judge(check, subject(Honest()))
    assert found.status == "passed", found.note


@pytest.mark.parametrize("check", CHECKS)
def test_a_planted_breach_is_caught(check: str, subject: Callable[[Any], Subject]) -> None:
    found = judge(check, subject(LIARS[check]()))
    assert found.status == "failed", found
    assert found.note


@pytest.mark.parametrize(
    ("check", "liar"),
    [("synchronize", lying("Lazy", bind=_put_off)), ("inputs", lying("Writes", bind=_write_input))],
)
def test_other_breaches_of_a_rule_are_caught(check: str, liar: Any, subject: Callable[[Any], Subject]) -> None:
    assert judge(check, subject(liar())).status == "failed"


def test_processor_time_of_threads_that_ended_counts_as_beyond() -> None:
    assert Spent(100, (40, 10, 5), 100).beyond(1) == pytest.approx(0.6)
    assert Spent(100, (95, 5), 100).beyond(1) == pytest.approx(0.05)
    assert Spent(100, (50, 50), 60).beyond(2) == 0


def test_a_report_raises_with_every_broken_rule(matrix: bench.Artifact) -> None:
    honest = Honest().open(matrix, device="cpu", threads=1)
    report = check_backend(
        Credulous(), matrix, inputs=make, reference=honest.run, only=["outputs", "broken-file", "device"]
    )
    with pytest.raises(NotKept, match=r"(?s)broken-file: .*device: "):
        report.assert_kept()
    assert [each.check for each in report.passed] == ["outputs"]


def test_a_report_in_which_nothing_was_tested_is_none() -> None:
    class Absent(Honest):
        def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> HonestSession:
            raise bench.Unsupported("the runtime is not installed")

    cases = subject_of(Absent(), bench.Artifact(Path("x"), "matrix", "", 0), inputs=make, reference=lambda _: {})
    found = judge("outputs", cases)
    assert (found.status, found.note) == ("skipped", "the runtime is not installed")
