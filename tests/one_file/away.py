"""A task whose reference model is made elsewhere, and steps on its file that work there: one file, numpy only."""

from pathlib import Path

import numpy as np

import bench

WHERE = {"needs": ("numpy",), "environment": ("numpy==0.1",)}


def elsewhere() -> bool:
    """Whether this runs in the environment of these offers: its interpreter was started by a wrapper that says so."""
    import os

    return os.environ.get("AWAY") == "1"


def weights_of(artifact):
    with np.load(artifact.path) as archive:
        return archive["w"]


def written(ctx, w):
    path = Path(ctx.workdir) / "weights.npz"
    np.savez(path, w=w)
    return path


@bench.task("away", produces="toy", facts={"metric": "accuracy", "unit": "1"}, **WHERE)
class Away:
    """Forty points in two classes; the model is made where a framework could be that is not here."""

    metric = bench.Metric("accuracy")

    def __init__(self):
        dice = np.random.default_rng(0)
        self.x = dice.normal(size=(60, 3)).astype(np.float32)
        self.y = (self.x @ np.array([1.0, -2.0, 0.5]) > 0).astype(np.int64)

    def digest(self):
        return "sha256:away"

    def artifact(self, format, folder):  # noqa: A002 - the noun's own name
        assert elsewhere(), "the reference model is made in the task's environment"
        counted = Path(__file__).with_suffix(".made")
        counted.write_text(counted.read_text() + "x" if counted.exists() else "x")
        path = Path(folder) / "weights.npz"
        np.savez(path, w=np.array([1.0, -2.0, 0.5]))
        return path

    def inputs(self, split, n=None):
        assert not elsewhere(), "data is given by the task's own worker"
        return {"x": {"calibration": self.x[:20], "evaluation": self.x[20:]}[split][:n]}

    def labelled(self, n):
        assert not elsewhere()
        if n > 20:
            raise bench.Unsupported("the train split has 20 examples")
        return {"x": self.x[:n]}, self.y[:n]

    def example(self, batch, seed):
        return {"x": self.x[20 : 20 + batch] + seed}

    def score(self, outputs):
        assert not elsewhere(), "scores are given here"
        right = (outputs["output"] > 0) == self.y[20:]
        return bench.Score(float(right.mean()), right.astype(np.float64))


@bench.compressor("scale", accepts="toy", **WHERE)
def scale(artifact, ctx, share: float = 0.5):
    """Asks for everything there is, in the middle of its work."""
    assert elsewhere()
    calibration = ctx.calibration(4)["x"]
    inputs, targets = ctx.labelled(3)
    share = ctx.train(lambda: share + 0 * sum(range(300_000)), samples=3 * 4)
    example = ctx.example(2)["x"]
    ctx.note(
        shapes=[list(each.shape) for each in (calibration, inputs["x"], targets, example)],
        targets=targets.tolist(),
        all=len(ctx.calibration(None)["x"]),
        task=len(ctx.task.inputs("calibration", 5)["x"]),
        first=float(example[0, 0]),
        seed=ctx.seed,
    )
    return written(ctx, weights_of(artifact) * share)


@bench.compressor("peeks", accepts="toy", **WHERE)
def peeks(artifact, ctx):
    """Asks for the evaluation split, which no step elsewhere is given."""
    ctx.task.inputs("evaluation", 1)


@bench.compressor("greedy", accepts="toy", **WHERE)
def greedy(artifact, ctx):
    """Asks for more than there is."""
    ctx.labelled(1000)


@bench.compressor("content", accepts="toy", **WHERE)
def content(artifact, ctx):
    """Asks for more than there is, and makes do with less."""
    try:
        ctx.labelled(1000)
    except bench.Unsupported as error:
        ctx.log(str(error))
    return written(ctx, weights_of(artifact) * len(ctx.labelled(2)[1]))


@bench.compressor("fits", accepts="toy", **WHERE)
def fits(artifact, ctx):
    """Trains the task's module, which is not there."""
    ctx.fit(None, epochs=1)


@bench.compressor("learns", accepts="toy", **WHERE)
def learns(artifact, ctx):
    """Wants a teacher, which is not there."""
    ctx.teacher()


@bench.compressor("shrinks", accepts="toy", **WHERE)
def shrinks(artifact, ctx):
    """Wants a student, which is not there."""
    ctx.student("half")


@bench.compressor("home", accepts="toy")
def home(artifact, ctx):
    """Works beside the task."""
    assert not elsewhere()
    return written(ctx, weights_of(artifact) * len(ctx.calibration(3)["x"]))


@bench.converter("to-loud", accepts="toy", produces="loud", **WHERE)
def to_loud(artifact, ctx):
    """Needs a representative set."""
    assert elsewhere()
    ctx.note(representative=list(ctx.calibration(7)["x"].shape), where=bench.__file__)
    return written(ctx, weights_of(artifact))


@bench.backend("loud", accepts="loud")
class Loud:
    """Multiplies in numpy, here."""

    def open(self, artifact, *, device, threads):
        return LoudSession(weights_of(artifact))


class LoudSession:
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
