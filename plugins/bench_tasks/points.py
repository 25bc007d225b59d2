"""A task that is ready in two seconds: four classes of points in sixteen dimensions, made from a seed."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench_tasks.classification import Classification, Labelled, Recipe
from bench_tasks.models.mlp import TwoLayer

SEED = 0
TRAIN_EXAMPLES, EVALUATION_EXAMPLES = 1_000, 500
FEATURES, CLASSES, CLUSTERS_PER_CLASS = 16, 4, 3
# Half the width of a cluster: classes overlap a little, so that accuracy can fall as well as rise.
SPREAD = 1.0


def points() -> tuple[Labelled, Labelled]:
    """Return the train (1,000) and evaluation (500) splits: x is [n, 16] float32.

    Each class is three clusters, so that no linear map separates them. Only uniform draws and elementwise arithmetic
    are used: those give the same bits on every machine.
    """
    rng = np.random.default_rng(SEED)
    centres = rng.uniform(-1, 1, size=(CLASSES * CLUSTERS_PER_CLASS, FEATURES))
    examples = TRAIN_EXAMPLES + EVALUATION_EXAMPLES
    cluster = rng.integers(len(centres), size=examples)
    x = (centres[cluster] + rng.uniform(-SPREAD, SPREAD, size=(examples, FEATURES))).astype(np.float32)
    y = (cluster % CLASSES).astype(np.int64)
    cut = TRAIN_EXAMPLES
    return Labelled(x[:cut], y[:cut]), Labelled(x[cut:], y[cut:])


class Toy(Classification):
    """Two-layer network on seeded separable points, 1.3 k parameters; student "half" has half the hidden units."""

    def __init__(self) -> None:
        super().__init__(
            "toy",
            data=points,
            build=TwoLayer,
            students={"half": partial(TwoLayer, hidden=32), "same": TwoLayer},
            recipe=Recipe(epochs=20, learning_rate=1e-2, batch=64),
        )
