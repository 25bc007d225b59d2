"""A backend whose runtime counts what it executes and compiles, and may do neither or too much of it."""

import numpy as np

import bench


class Session:
    def __init__(self, w, per_call, compiles):
        self.w, self.per_call, self.compiles = w, per_call, compiles
        self.executed = self.compiled = 0

    def bind(self, inputs):
        def call():
            self.executed += self.per_call
            self.compiled += self.compiles
            return inputs["x"] @ self.w

        return call

    def run(self, inputs):
        return {"output": inputs["x"] @ self.w}

    def synchronize(self):
        pass

    def facts(self):
        return {}

    def counters(self):
        return {"executed": self.executed, "compiled": self.compiled}

    def close(self):
        pass


@bench.backend("counting", accepts="npz")
class Counting:
    """Counts."""

    def __init__(self, per_call: int = 1, compiles: int = 0):
        self.per_call, self.compiles = per_call, compiles

    def open(self, artifact, *, device, threads):
        with np.load(artifact.path) as archive:
            return Session(archive["w"], self.per_call, self.compiles)


@bench.meter("steady", facts={"class": "measured", "kind": "counter", "unit": "J"})
class Steady:
    """Reads a watt."""

    def available(self):
        return None

    def start(self):
        return None

    def stop(self, token):
        facts = {"kind": "counter", "meter_version": "1", "domains": ["d"], "period_s": 0.1, "window_s": 1.0}
        facts |= {"n_windows": 1, "n_invalid": 0, "share": 1.0, "steal": None, "uncertainty": {"total_j": 0.0}}
        return bench.Reading("J", "measured", 1.0, 1.0, 1.0, 1, "steady", facts=facts)
