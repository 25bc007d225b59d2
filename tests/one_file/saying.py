"""A backend that says what it executes, in all the ways there are, for tests of the audit."""

import numpy as np

import bench

PRODUCT = [bench.Operation("matmul", "product", "float64", 1.0)]


class Session:
    def __init__(self, w, facts):
        self.w, self._facts = w, facts

    def bind(self, inputs):
        return lambda: inputs["x"] @ self.w

    def run(self, inputs):
        return {"output": inputs["x"] @ self.w}

    def synchronize(self):
        pass

    def facts(self):
        return self._facts

    def close(self):
        pass


class Profiled(Session):
    def profile(self, inputs):
        if self._facts.get("how") == "raises":
            raise RuntimeError("the profiler is broken")
        if self._facts.get("how") == "nonsense":
            return {"products": {"float64": "all"}}
        assert inputs["x"].shape[0] == 1
        return bench.executed(PRODUCT, method="by hand", calls=1)


@bench.backend("saying", accepts="npz")
class Saying:
    """Says what it executes."""

    def __init__(self, how: str = "profile"):
        self.how = how

    def open(self, artifact, *, device, threads):
        with np.load(artifact.path) as archive:
            w = archive["w"]
        if self.how == "fact":
            return Session(w, {"executed": bench.executed(PRODUCT, method="its facts", calls=1)})
        return Profiled(w, {"how": self.how})
