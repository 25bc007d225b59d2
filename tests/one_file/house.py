"""A whole house in one file, with numpy only: a task, a backend, compressors good and bad. For tests of the core."""

import contextlib
import ctypes
import os
import sys
import time

import numpy as np

import bench

RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((64, 4))
INPUTS = RNG.standard_normal((400, 64))


@bench.task("house", produces="npz", facts={"metric": "accuracy", "unit": "1", "version": "1"})
class House:
    """Which of four directions a vector points to most."""

    metric = bench.Metric("accuracy")

    def digest(self):
        return "sha256:house"

    def artifact(self, format, folder):  # noqa: A002 - the protocol's name
        path = folder / "model.npz"
        np.savez(path, w=WEIGHTS)
        return path

    def inputs(self, split, n=None):
        rows = INPUTS[:200] if split == "evaluation" else INPUTS[200:]
        return {"x": rows[:n]}

    def example(self, batch, seed):
        return {"x": INPUTS[:batch]}

    def score(self, outputs):
        right = (outputs["output"].argmax(1) == (INPUTS[:200] @ WEIGHTS).argmax(1)).astype(float)
        return bench.Score(float(right.mean()), right)


class Session:
    def __init__(self, weights, repeats):
        self.weights, self.repeats = weights, repeats

    def bind(self, inputs):
        x, w, repeats = inputs["x"], self.weights, self.repeats

        def call():
            for _ in range(repeats):
                y = x @ w
            return y

        return call

    def run(self, inputs):
        return {"output": inputs["x"] @ self.weights}

    def synchronize(self):
        pass

    def facts(self):
        return {"runtime": "numpy", "version": np.__version__}

    def close(self):
        pass


@bench.backend("numpy", accepts="npz")
class Numpy:
    """Multiplies matrices."""

    def __init__(self, repeats: int = 300):
        self.repeats = repeats

    def open(self, artifact, *, device, threads):
        with np.load(artifact.path) as archive:
            extra = int(archive["extra"]) if "extra" in archive.files else 0
            return Session(archive["w"], self.repeats + extra)


def step(name, **more):
    return bench.compressor(name, accepts="npz", **more)


def write(ctx, weights, **extra):
    path = ctx.workdir / "out.npz"
    np.savez(path, w=weights, **extra)
    return path


def read(artifact):
    with np.load(artifact.path) as archive:
        return archive["w"]


@step("same")
def same(artifact, ctx):
    """Change nothing: the file is copied byte for byte."""
    path = ctx.workdir / "out.npz"
    path.write_bytes(artifact.path.read_bytes())
    return path


@step("cut")
def cut(artifact, ctx, sparsity: float = 0.5):
    """Zero the smallest weights."""
    w = read(artifact)
    ctx.note(sparsity=sparsity)
    return write(ctx, w * (np.abs(w) >= np.quantile(np.abs(w), sparsity)))


@step("slower")
def slower(artifact, ctx, extra: int = 300):
    """Do the work twice."""
    return write(ctx, read(artifact), extra=np.array(extra))


@step("lasts")
def lasts(artifact, ctx, seconds: float = 0.3):
    """Work for so long, and change nothing."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        pass
    return same(artifact, ctx)


@step("raises")
def raises(artifact, ctx):
    """Raise an error."""
    raise ValueError("this plugin <b>always</b> raises")


@step("hangs")
def hangs(artifact, ctx):
    """Never return."""
    while True:
        time.sleep(0.1)


@step("eats")
def eats(artifact, ctx):
    """Allocate without end."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 20)) * 32)


@step("exits")
def exits(artifact, ctx):
    """Leave without a word."""
    os._exit(7)


@step("segfaults")
def segfaults(artifact, ctx):
    """Touch what is not there."""
    ctypes.string_at(0)


@step("prints")
def prints(artifact, ctx):
    """Print 100 MB and then do the right thing."""
    line = "x" * 1023 + "\n"
    for _ in range(100 * 1024):
        sys.stdout.write(line)
    return same(artifact, ctx)


@step("lies")
def lies(artifact, ctx):
    """Return something of the wrong type."""
    return 42


@step("escapes")
def escapes(artifact, ctx):
    """Return a file outside the work folder."""
    return artifact.path


@step("babbles")
def babbles(artifact, ctx):
    """Write garbage to every pipe that is open."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"garbage " * 100)
    return same(artifact, ctx)
