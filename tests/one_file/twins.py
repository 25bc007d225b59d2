"""Two runtimes that serve one module: each has its own format, and a converter to it. For tests of the core."""

import os

import numpy as np

import bench

INPUTS = np.random.default_rng(0).standard_normal((40, 8))


class Tensor:
    """As much of a torch tensor as the core reads when it digests a module."""

    def __init__(self, value):
        self.value = value

    def detach(self):
        return self

    cpu = contiguous = detach

    def numpy(self):
        return self.value


class Module:
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, x):
        return x @ self.weights

    def state_dict(self):
        return {"w": Tensor(self.weights)}


@bench.task("twins", produces="module", facts={"metric": "accuracy", "unit": "1", "version": "1"})
class Twins:
    """Which of two directions a vector points to most."""

    metric = bench.Metric("accuracy")

    def digest(self):
        return "sha256:twins"

    def module(self):
        return Module(np.eye(8)[:, :2])

    def inputs(self, split, n=None):
        return {"x": INPUTS[:n]}

    def example(self, batch, seed):
        return {"x": INPUTS[:batch]}

    def score(self, outputs):
        right = (outputs["output"].argmax(1) == INPUTS[:, :2].argmax(1)).astype(float)
        return bench.Score(float(right.mean()), right)


@bench.compressor("halve", accepts="module", produces="module")
def halve(model, ctx):
    """Halve the weights."""
    return Module(model.weights / 2)


@bench.compressor("tear", accepts="module", produces="module")
def tear(model, ctx):
    """Give a module that the second converter cannot stand."""
    torn = Module(model.weights)
    torn.torn = True
    return torn


@bench.converter("to-first", accepts="module", produces="first")
def to_first(model, ctx):
    """Write the first format."""
    path = ctx.workdir / "out.npz"
    np.savez(path, w=model.weights)
    return path


@bench.converter("to-second", accepts="module", produces="second")
def to_second(model, ctx):
    """Write the second format."""
    if hasattr(model, "torn"):
        os._exit(7)
    return to_first(model, ctx)


class Session:
    def __init__(self, path):
        with np.load(path) as archive:
            self.weights = archive["w"]

    def bind(self, inputs):
        return lambda: inputs["x"] @ self.weights

    def run(self, inputs):
        return {"output": inputs["x"] @ self.weights}

    def synchronize(self):
        pass

    def facts(self):
        return {"runtime": "numpy"}

    def close(self):
        pass


class Opens:
    def open(self, artifact, *, device, threads):
        return Session(artifact.path)


@bench.backend("one", accepts="first")
class One(Opens):
    """Opens the first format."""


@bench.backend("two", accepts="second")
class Two(Opens):
    """Opens the second format."""
