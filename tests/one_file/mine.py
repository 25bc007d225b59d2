"""A model of somebody's own whose runtime is elsewhere: what it takes and answers can be asked there only."""

import os
from pathlib import Path

import numpy as np

import bench

WHERE = {"needs": ("numpy",), "environment": ("numpy==0.1",)}


def elsewhere() -> bool:
    return os.environ.get("AWAY") == "1"


class Weights:
    """A vector in a file; its answers are asserted to be asked for in its own environment."""

    def __init__(self, path):
        self.path = Path(path)

    def inputs(self):
        assert elsewhere(), "only the runtime knows what the model takes"
        return [bench.ModelInput("x", (None, 3), np.dtype(np.float32))]

    def write(self, folder):
        path = Path(folder) / "weights.npy"
        path.write_bytes(self.path.read_bytes())
        return path

    def answer(self, arrays):
        assert elsewhere(), "only the runtime knows what the model answers"
        return {"output": arrays["x"] @ np.load(self.path)}


@bench.task("own-npy", produces="npy", facts={"opens": ".npy", "metric": "agreement", "unit": "1"}, **WHERE)
def own_npy(model: str, data: str | None = None):
    """Take a vector."""
    return bench.ModelTask(Weights(model), data)


def written(ctx, w):
    path = Path(ctx.workdir) / "weights.npy"
    np.save(path, w)
    return path


@bench.compressor("there", accepts="npy", **WHERE)
def there(artifact, ctx):
    """Works where the model is."""
    assert elsewhere()
    ctx.note(given=list(ctx.calibration(5)["x"].shape))
    return written(ctx, np.load(artifact.path))


@bench.compressor("here", accepts="npy")
def here(artifact, ctx):
    """Works in the controller's environment, and is given data all the same."""
    assert not elsewhere()
    ctx.note(given=list(ctx.calibration(6)["x"].shape))
    return written(ctx, np.load(artifact.path).round())


@bench.counter("parameters", accepts="npy")
def parameters(artifact):
    """Counted in the controller's environment."""
    assert not elsewhere()
    return bench.Reading.counted(int(np.load(artifact.path).size), "1")


@bench.backend("multiply", accepts="npy")
class Multiply:
    """Multiplies in numpy, here."""

    def open(self, artifact, *, device, threads):
        return Session(np.load(artifact.path))


class Session:
    """Runs one matrix product."""

    def __init__(self, w):
        self.w = w

    def bind(self, inputs):
        return lambda: [inputs["x"] @ self.w for _ in range(20)]

    def run(self, inputs):
        return {"output": inputs["x"] @ self.w}

    def synchronize(self):
        """Nothing is left running."""

    def facts(self):
        return {}

    def close(self):
        """Nothing is held."""
