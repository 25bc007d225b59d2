"""A model of somebody's own as a task: accuracy where labels are given, agreement with the original where not.

Plugins of runtimes make such tasks for the files they open: `ModelTask(model, data)` is all a task needs.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.errors import Unsupported
from bench.protocols import Arrays, Metric, Score

EXAMPLES = 64
FREE_AXIS = 16
LABELS = "labels"
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ModelInput:
    """One input of a model: `shape` with None where an axis is free (the first is the batch), and its numpy type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Model(Protocol):
    """A model that can be asked before anything is done to it."""

    def inputs(self) -> list[ModelInput]:
        """Return its inputs; empty when nothing tells them."""

    def write(self, folder: Path) -> Path:
        """Write its file into a folder; Unsupported for a model that has none."""

    def answer(self, arrays: Arrays) -> dict[str, Any]:
        """Return its outputs by name."""


class ModelTask:
    """Your model, your data; without data, seeded random inputs, which say how far answers move and no more."""

    def __init__(self, model: Model, data: str | None = None) -> None:
        self.model = model
        arrays = _read(data) if data else None
        self.labels = None if arrays is None else arrays.get(LABELS)
        self.given = None if arrays is None else {name: value for name, value in arrays.items() if name != LABELS}

    @property
    def metric(self) -> Metric:
        """Accuracy with labels; without, top-1 agreement for what looks like classes, else cosine similarity."""
        if self.labels is not None:
            return Metric("accuracy")
        return Metric("agreement with the original" if self._classes else "cosine to the original")

    @property
    def evaluation_batch(self) -> int:
        """How many examples one run takes: what the model fixes, else 32."""
        return self._fixed_batch or 32

    def digest(self) -> str:
        """Return a digest of all inputs and labels."""
        state = hashlib.sha256()
        labels = {} if self.labels is None else {LABELS: self.labels}
        for name, value in sorted({**self.arrays, **labels}.items()):
            state.update(f"{name}:{value.dtype}:{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        return f"sha256:{state.hexdigest()}"

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the protocol's name
        """Write the model's file."""
        del format
        return self.model.write(folder)

    def inputs(self, split: str, n: int | None = None) -> dict[str, Array]:
        """Return inputs. Calibration takes the first half and evaluation the second, so that they never meet."""
        if split not in ("calibration", "evaluation"):
            raise ValueError(f"split must be calibration or evaluation, not {split!r}")
        half = self._half
        chosen = slice(0, half) if split == "calibration" else slice(half, None)
        return {name: value[chosen][:n] for name, value in self.arrays.items()}

    def example(self, batch: int, seed: int) -> dict[str, Array]:
        """Return a batch, always the same for a seed."""
        if self._fixed_batch and batch != self._fixed_batch:
            batch = self._fixed_batch
        total = len(next(iter(self.arrays.values())))
        rows = np.random.default_rng(seed).choice(total, size=batch, replace=batch > total)
        return {name: value[rows] for name, value in self.arrays.items()}

    def score(self, outputs: Arrays) -> Score:
        """Grade outputs against the labels, or against what the uncompressed model answers."""
        mine = _first(outputs)
        if self.labels is not None:
            outcomes = (mine.reshape(len(mine), -1).argmax(axis=1) == self.labels[self._half :]).astype(np.float64)
        elif self._classes:
            outcomes = (mine.argmax(axis=1) == self.reference.argmax(axis=1)).astype(np.float64)
        else:
            outcomes = _cosine(mine, self.reference)
        return Score(float(outcomes.mean()), outcomes)

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """All inputs by name; made up where none are given."""
        wanted = self.model.inputs()
        if self.given is not None:
            self._check_names([each.name for each in wanted])
            return {name: np.asarray(value) for name, value in self.given.items()}
        if not wanted:
            raise Unsupported("nothing tells the model's inputs: give --data FILE.npz with an array for each of them")
        dice = np.random.default_rng(0)
        count = 2 * EXAMPLES
        return {each.name: _made_up(dice, (count, *_sizes(each.shape[1:])), each.dtype) for each in wanted}

    @cached_property
    def reference(self) -> Array:
        """What the uncompressed model answers on the evaluation inputs."""
        arrays = self.inputs("evaluation")
        size = self.evaluation_batch
        total = len(next(iter(arrays.values())))
        parts = [
            _first(self.model.answer({name: value[at : at + size] for name, value in arrays.items()}))
            for at in range(0, total, size)
        ]
        return np.concatenate(parts)

    @cached_property
    def _classes(self) -> bool:
        return self.reference.ndim == 2 and self.reference.shape[1] > 1

    @cached_property
    def _fixed_batch(self) -> int | None:
        sizes = [each.shape[0] for each in self.model.inputs() if each.shape]
        return next((size for size in sizes if size), None)

    @property
    def _half(self) -> int:
        total = len(next(iter(self.arrays.values())))
        size = self._fixed_batch or 1
        return total // 2 // size * size

    def _check_names(self, wanted: list[str]) -> None:
        assert self.given is not None
        missing = [name for name in wanted if name not in self.given]
        lengths = {len(value) for value in self.given.values()}
        if self.labels is not None and {len(self.labels)} != lengths:
            raise Unsupported(f"the data hold {len(self.labels)} labels for {max(lengths, default=0)} examples")
        if missing or len(lengths) != 1 or min(lengths) < 2:
            shown = ", ".join(f"{name} {np.shape(value)}" for name, value in self.given.items())
            raise Unsupported(f"the data hold {shown}; the model wants {', '.join(wanted)}, 2 examples or more of each")


def _read(path: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Unsupported(f"{Path(path).name} is no .npz file of plain arrays, as numpy.savez writes them") from error


def _sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(FREE_AXIS if size is None else size for size in shape)


def _made_up(dice: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return random inputs; whole numbers are 0 or 1, which any vocabulary and any mask holds."""
    if dtype.kind in "iub":
        return dice.integers(0, 2, size=shape).astype(dtype)
    return dice.standard_normal(shape).astype(dtype)


def _first(outputs: Mapping[str, Any]) -> Array:
    return np.asarray(next(iter(outputs.values())))


def _cosine(mine: Array, theirs: Array) -> Array:
    a, b = (each.reshape(len(each), -1).astype(np.float64) for each in (mine, theirs))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.where(lengths == 0, 1.0, lengths))
