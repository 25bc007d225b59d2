"""Converters, honest and not: each makes a format of its own, with a backend that opens it. For tests of the core."""

import numpy as np

import bench

RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((8, 3))
INPUTS = RNG.standard_normal((80, 8))
FACTS = {"metric": "accuracy", "unit": "1", "version": "1"}


class Data:
    """Which of three directions a vector points to most."""

    metric = bench.Metric("accuracy")

    def digest(self):
        return "sha256:converted"

    def inputs(self, split, n=None):
        rows = INPUTS[:40] if split == "evaluation" else INPUTS[40:]
        return {"x": rows[:n]}

    def example(self, batch, seed):
        return {"x": INPUTS[:batch]}

    def score(self, outputs):
        right = (next(iter(outputs.values())).argmax(1) == (INPUTS[:40] @ WEIGHTS).argmax(1)).astype(float)
        return bench.Score(float(right.mean()), right)


@bench.task("filed", produces="plain", facts=FACTS)
class Filed(Data):
    """The model as a file."""

    def artifact(self, format, folder):  # noqa: A002 - the protocol's name
        np.savez(folder / "model.npz", w=WEIGHTS)
        return folder / "model.npz"


@bench.task("shy", produces="plain", facts=FACTS)
class Shy(Filed):
    """A task that gives no calibration inputs."""

    def inputs(self, split, n=None):
        if split == "calibration":
            raise bench.Unsupported("there is none")
        return super().inputs(split, n)


class Tensor:
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


@bench.task("held", produces="module", facts=FACTS)
class Held(Data):
    """The model in memory."""

    def module(self):
        return Module(WEIGHTS.copy())


class Session:
    def __init__(self, path):
        with np.load(path) as archive:
            self.weights = archive["w"]
            self.kind = str(archive["kind"]) if "kind" in archive.files else ""

    def bind(self, inputs):
        return lambda: inputs["x"] @ self.weights

    def run(self, inputs):
        y = inputs["x"] @ self.weights
        return {
            "renamed": {"logits": y},
            "added": {"output": y, "extra": y},
            "shaped": {"output": y[:, :, None]},
            "broken": {"output": y * np.nan},
        }.get(self.kind, {"output": y})

    def synchronize(self):
        pass

    def facts(self):
        return {"runtime": "numpy"}

    def close(self):
        pass


class Opens:
    def open(self, artifact, *, device, threads):
        return Session(artifact.path)


@bench.backend("numpy", accepts="plain", facts={"runs": ["module"]})
class Numpy(Opens):
    """Opens the model as it comes, in a file or in memory."""

    def run_module(self, module, inputs):
        return {"output": module(**inputs)}


def convert(path, ctx, change=0.0, kind=""):
    with np.load(path) as archive:
        w = archive["w"]
    w[0, 0] += change
    out = ctx.workdir / "out.npz"
    np.savez(out, w=w, kind=np.array(kind))
    return out


KINDS = {
    "honest": {},
    "hair": {"change": 1e-6},
    "lying": {"change": 2.0},
    "lossy": {"change": 2.0},
    "loose": {"change": 2.0},
    "renamed": {"kind": "renamed"},
    "added": {"kind": "added"},
    "shaped": {"kind": "shaped"},
    "broken": {"kind": "broken"},
    "closed": {},
    "far": {},
    "far-lying": {"change": 2.0},
}
FAR = {"needs": ("numpy",), "environment": ("numpy==0.1",)}
FACTS_OF = {"lossy": {"lossy": True}, "loose": {"tolerance": 5.0}}


def offer(name, more):
    """Offer a converter to a format of that name, and a backend that opens it."""

    def converter(artifact, ctx):
        """Convert a file."""
        return convert(artifact.path, ctx, **more)

    class Backend(Opens):
        """Opens one format."""

    word, far = name.replace("-", "_"), FAR if name.startswith("far") else {}
    converter.__qualname__, Backend.__qualname__ = f"convert_{word}", f"Open_{word}"
    bench.converter(f"to-{name}", accepts="plain", produces=name, facts=FACTS_OF.get(name), **far)(converter)
    devices = ["card"] if name == "closed" else ["cpu", "card"]
    bench.backend(f"opens-{name}", accepts=name, facts={"devices": devices})(Backend)
    globals().update({converter.__qualname__: converter, Backend.__qualname__: Backend})


for _name, _more in KINDS.items():
    offer(_name, _more)


@bench.converter("keep", accepts="module", produces="kept")
def keep(module, ctx):
    """Write a module as it is."""
    np.savez(ctx.workdir / "out.npz", w=module.weights)
    return ctx.workdir / "out.npz"


@bench.converter("spoil", accepts="module", produces="spoilt")
def spoil(module, ctx):
    """Change the module that is given, and write that: what it was is known from before."""
    module.weights[0, 0] += 2.0
    return keep(module, ctx)


@bench.backend("opens-kept", accepts="kept")
class OpensKept(Opens):
    """Opens what was kept."""


@bench.backend("opens-spoilt", accepts="spoilt")
class OpensSpoilt(Opens):
    """Opens what was spoilt only."""
