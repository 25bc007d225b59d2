"""Odd things to add to the house: backends, counters and steps that break the rules where it hurts most."""

import os
import shutil

import numpy as np

import bench


def weights(artifact):
    with np.load(artifact.path) as archive:
        return archive["w"]


class Session:
    def __init__(self, w, fail=lambda: None, noise=0.0):
        self.w, self.fail, self.noise, self.calls = w, fail, noise, 0

    def bind(self, inputs):
        def call():
            self.calls += 1
            if self.calls > 40:
                self.fail()
            return inputs["x"] @ self.w + self.noise * np.random.default_rng().random()

        return call

    def run(self, inputs):
        return {"output": inputs["x"] @ self.w}

    def synchronize(self):
        pass

    def facts(self):
        return {
            "threads": np.int64(1),
            "scale": np.float32(0.5),
            "shape": np.arange(3),
            "type": np.dtype("int8"),
            "odd": object,
        }

    def close(self):
        pass


@bench.backend("refuses", accepts="npz")
class Refuses:
    """Cannot open anything here."""

    def open(self, artifact, *, device, threads):
        raise bench.Unsupported("this runtime needs a processor that you do not have", cure="buy one")


@bench.backend("fragile", accepts="npz")
class Fragile:
    """Opens what the step `marked` left, and dies on it in the middle of the measurement."""

    def __init__(self, how: str = "raise"):
        self.how = how

    def open(self, artifact, *, device, threads):
        w = weights(artifact)
        return Session(w, self.fail if w[0, 0] == 999 else lambda: None)

    def fail(self):
        if self.how == "exit":
            os._exit(9)
        raise RuntimeError("died in the middle of a block")


@bench.backend("dice", accepts="npz")
class Dice:
    """Gives another output every time."""

    def open(self, artifact, *, device, threads):
        return Session(weights(artifact), noise=1.0)


class Closing(Session):
    def close(self):
        raise RuntimeError("close is broken")


@bench.backend("sticky", accepts="npz")
class Sticky:
    """Raises when a session is closed."""

    def open(self, artifact, *, device, threads):
        return Closing(weights(artifact))


def step(name):
    return bench.compressor(name, accepts="npz")


@step("marked")
def marked(artifact, ctx):
    """Leave a mark that the fragile backend dies on."""
    w = weights(artifact)
    w[0, 0] = 999
    np.savez(ctx.workdir / "out.npz", w=w)
    return ctx.workdir / "out.npz"


@step("vandal")
def vandal(artifact, ctx):
    """Overwrite the input in place, then hand over a copy of it."""
    np.savez(artifact.path, w=weights(artifact) * 0)
    return shutil.copyfile(artifact.path, ctx.workdir / "out.npz")


@step("notes")
def notes(artifact, ctx):
    """Leave facts of every kind."""
    ctx.note(
        array=np.arange(3), number=np.float32(2.5), bits=np.int64(8), nan=float("nan"), odd=object(), **{"<b>": {1, 2}}
    )
    ctx.log("a line")
    return shutil.copyfile(artifact.path, ctx.workdir / "out.npz")


@step("not-a-number")
def not_a_number(artifact, ctx):
    """Write weights that give no usable outputs."""
    np.savez(ctx.workdir / "out.npz", w=weights(artifact)[:, :2])
    return ctx.workdir / "out.npz"


def counter(name):
    return bench.counter(name, accepts="npz")


@counter("parameters")
def parameters(artifact):
    """Count weights."""
    return bench.Reading.counted(np.int64(weights(artifact).size), "count", note="numpy's own number")


@counter("not-finite")
def not_finite(artifact):
    """Count nothing a number can say."""
    return bench.Reading.counted(float("nan"), "1")


@counter("raising")
def raising(artifact):
    """Raise."""
    raise KeyError("no such layer")


@counter("wrong-type")
def wrong_type(artifact):
    """Return something else."""
    return 12


@counter("joules")
def joules(artifact):
    """Return joules that do not say how they were obtained."""
    return bench.Reading("J", "measured", 1.0, 0.9, 1.1)


class Odd:
    """What turns into JSON that is no reading."""

    def __init__(self, data):
        self.data = data

    def to_json(self):
        """Return it."""
        return self.data


@counter("no-reading")
def no_reading(artifact):
    """Return something that says nothing of itself."""
    return Odd({"foo": 1})


@counter("text")
def text(artifact):
    """Return a text for a number."""
    return Odd({"value": "x", "unit": "1", "class": "counted"})


@counter("leaving")
def leaving(artifact):
    """Leave the process."""
    raise SystemExit(3)


@counter("latency")
def latency(artifact):
    """Try to pass for the measured latency."""
    return bench.Reading.counted(1e-12, "s")


@counter("size")
def size(artifact):
    """Try to pass for the size on disk."""
    return bench.Reading.counted(1, "B")
