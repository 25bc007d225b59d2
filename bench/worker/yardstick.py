"""The yardstick: a backend with a workload of its own, to measure the machine instead of a model. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.artifact import Artifact
from bench.protocols import Arrays

LAYERS = 48  # about a millisecond a call on an ordinary core


class YardstickSession:
    """Multiplies a vector batch through a stack of equal layers, as a small network does."""

    def __init__(self, weights: Any, layers: int) -> None:
        self._weights, self._layers = weights, layers

    def bind(self, inputs: Arrays) -> Callable[[], Any]:
        """Return a function that runs the stack over the inputs once."""
        import numpy as np

        first, weights, layers = inputs["x"], self._weights, range(self._layers)

        def call() -> Any:
            x = first
            for _ in layers:
                x = np.maximum(x @ weights, 0.0)
            return x

        return call

    def run(self, inputs: Arrays) -> Arrays:
        """Return the stack's output."""
        return {"output": self.bind(inputs)()}

    def synchronize(self) -> None:
        """Nothing is pending."""

    def facts(self) -> Mapping[str, Any]:
        """Return what runs."""
        import numpy as np

        return {"runtime": "numpy", "version": np.__version__}

    def close(self) -> None:
        """Nothing is held."""


class Yardstick:
    """Opens a square matrix of weights, and multiplies by it `layers` times a call."""

    def __init__(self, layers: int = LAYERS) -> None:
        self.layers = layers

    def open(self, artifact: Artifact, *, device: str, threads: int) -> YardstickSession:
        """Return a session over the file's weights."""
        import numpy as np

        del device, threads
        return YardstickSession(np.load(artifact.path, allow_pickle=False), self.layers)
