"""A model of somebody's own as a task: accuracy where labels are given, agreement with the original where not.

Plugins of runtimes make such tasks for the files they open: `ModelTask(model, data)` is all a task needs.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.errors import BadInput, BenchError, Unsupported
from bench.grading import Grader, check_answers, label_ranks
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

    def __init__(self, model: Model, data: str | None = None, metric: str | None = None) -> None:
        self.model = model
        self.grader = Grader.of(metric) if metric else None
        self._asked = False
        arrays = _read(data) if data else None
        self.labels = None if arrays is None else arrays.get(LABELS)
        if metric and self.labels is None:
            where = f"{Path(data).name} holds none" if data else "no data are given"
            raise BadInput(f"the metric '{metric.rpartition(':')[2]}' needs `labels` in the data: {where}")
        self.given = None if arrays is None else {name: value for name, value in arrays.items() if name != LABELS}

    @property
    def metric(self) -> Metric:
        """The metric asked for, else accuracy; without labels agreement for what looks like classes, else cosine."""
        if self.grader is not None:
            return self.grader.metric
        if self.labels is not None:
            return Metric("accuracy")
        return Metric("agreement with the original" if self._classes else "cosine to the original")

    @property
    def evaluation_batch(self) -> int:
        """How many examples one run takes: what the model fixes, else 32."""
        return self._fixed_batch or 32

    def digest(self) -> str:
        """Return a digest of all inputs and labels, and of the metric asked for."""
        state = hashlib.sha256(repr(self.metric).encode() if self.grader is not None else b"")
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
        """Return a batch, always the same for a seed. Raises BadInput for a model that does not take it."""
        self._ask_once()
        if self._fixed_batch and batch != self._fixed_batch:
            batch = self._fixed_batch
        total = len(next(iter(self.arrays.values())))
        rows = np.random.default_rng(seed).choice(total, size=batch, replace=batch > total)
        return {name: value[rows] for name, value in self.arrays.items()}

    def score(self, outputs: Arrays) -> Score:
        """Grade outputs against the labels, or against what the uncompressed model answers."""
        mine, n = _first(outputs), len(next(iter(self.arrays.values()))) - self._half
        check_answers(outputs, n)
        if self.labels is not None:
            outcomes = self._graded(outputs, self.labels[self._half :])
        elif self._classes:
            outcomes = (mine.argmax(axis=1) == self.reference.argmax(axis=1)).astype(np.float64)
        else:
            outcomes = _cosine(mine, self.reference)
        return Score(float(outcomes.mean()), outcomes)

    def _graded(self, outputs: Arrays, labels: Array) -> Array:
        if self.grader is not None:
            return self.grader.outcomes(outputs, labels)
        try:
            return np.asarray((label_ranks(outputs, labels) == 1).astype(np.float64))
        except ValueError as error:
            raise BadInput(str(error)) from error

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """All inputs by name; made up where none are given."""
        wanted = self.model.inputs()
        if self.given is not None:
            check_data(self.given, self.labels, wanted)
            return dict(self.given)
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

    def _ask_once(self) -> None:
        """Ask the uncompressed model, the first time only. Raises BadInput when it does not take what it declares."""
        if self._asked:
            return
        size = self._fixed_batch or min(2, len(next(iter(self.arrays.values()))))
        asked = {name: value[:size] for name, value in self.arrays.items()}
        try:
            self.model.answer(asked)
        except BenchError:
            raise
        except Exception as error:
            raise BadInput(f"the model does not take {_shown(asked)}, as it declares: {_short(error)}") from error
        self._asked = True


def check_data(given: Arrays, labels: Array | None, wanted: list[ModelInput]) -> None:
    """Raise BadInput, in one sentence, for arrays that are not the inputs a model wants, or not of its examples.

    A model that does not tell its inputs (none `wanted`) takes any names, types and sizes.
    """
    flat = [name for name, value in given.items() if not np.ndim(value)]
    if flat:
        raise BadInput(f"'{flat[0]}' of the data is a single number: the first axis of every array is the examples")
    lengths = {len(value) for value in given.values()}
    if labels is not None and (not np.ndim(labels) or {len(labels)} != lengths):
        n = len(labels) if np.ndim(labels) else "no"
        raise BadInput(f"the data hold {n} labels for {max(lengths, default=0)} examples")
    names = [each.name for each in wanted]
    if (names and set(names) != set(given)) or len(lengths) != 1 or min(lengths) < 2:
        held = _shown(given) or "no inputs"
        raise BadInput(f"the data hold {held}; the model wants {', '.join(names)}, 2 examples or more of each")
    for each in wanted:
        _check_array(each, np.asarray(given[each.name]))


def _check_array(wanted: ModelInput, value: Array) -> None:
    if wanted.dtype.kind != "O" and value.dtype != wanted.dtype:
        raise BadInput(f"'{wanted.name}' of the data is {value.dtype}, and the model wants {wanted.dtype}")
    sizes = wanted.shape[1:]
    fits = all(want in (None, size) for want, size in zip(sizes, value.shape[1:], strict=False))
    if wanted.shape and (value.ndim != len(wanted.shape) or not fits):
        shape = ", ".join(["n", *("any" if size is None else str(size) for size in sizes)])
        raise BadInput(f"'{wanted.name}' of the data has shape {value.shape}, and the model wants ({shape})")


def _shown(arrays: Arrays) -> str:
    return ", ".join(f"{name} {np.shape(value)}" for name, value in arrays.items())


def _short(error: BaseException) -> str:
    """Return an error on one line, without the place in a runtime's own source that some lead to."""
    text = " ".join(str(error).split())
    return re.split(r" (?:Status Message: )?/\S+:\d+ ", text)[0][:200] or type(error).__name__


def _read(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except MemoryError as error:
        size = f"{Path(path).stat().st_size / 1e6:,.0f} MB on disk"
        raise BadInput(
            f"{Path(path).name} ({size}) does not fit the memory a worker may use: `memory` of `measure`"
        ) from error
    except (ValueError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{Path(path).name} is no .npz file of plain arrays, as numpy.savez writes them") from error


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
