"""Activity recognition: seven shoulder exercises from the inertial sensors of a watch, by people not trained on.

Burns et al. 2018, "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch" (arXiv:1802.01489). The recordings come in the package seglearn.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from bench_tasks.classification import Classification, Labelled, Recipe
from bench_tasks.models.cnn1d import CNN1D
from bench_tasks.packages import TASKS_CURE, package_file

# The file is a pickle: its digest is checked before it is read.
FILE = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
TRAIN_SUBJECTS, EVALUATION_SUBJECTS = range(1, 8), range(8, 11)
WINDOW, TRAIN_STEP = 100, 50  # readings: two seconds at 50 Hz; the windows of training overlap by half
PERMUTATION_SEED = 0
# Acceleration is in g and close to 1, turning in rad/s: one scale each brings all six to the order of 1.
SCALE = np.array([1, 1, 1, 2, 2, 2], dtype=np.float32)


def windows() -> tuple[Labelled, Labelled]:
    """Return windows of the subjects 1 to 7 and 8 to 10: x is [n, 6, 100] float32, y one of seven exercises.

    Evaluation windows do not overlap. Raises bench.Unsupported when seglearn is missing or another version.
    """
    path = package_file("seglearn", "data", "watch_dataset.npy", sha256=FILE, cure=TASKS_CURE)
    recordings = np.load(path, allow_pickle=True).item()
    return (
        _mixed(_of(recordings, TRAIN_SUBJECTS, TRAIN_STEP)),
        _mixed(_of(recordings, EVALUATION_SUBJECTS, WINDOW)),
    )


def _of(recordings: dict[str, Any], subjects: range, step: int) -> Iterator[tuple[np.ndarray[Any, Any], int]]:
    """Yield each window, [6, WINDOW], and its exercise, of some subjects' recordings in the file's order."""
    for readings, exercise, subject in zip(recordings["X"], recordings["y"], recordings["subject"], strict=True):
        if subject in subjects:
            for start in range(0, len(readings) - WINDOW + 1, step):
                yield readings[start : start + WINDOW].astype(np.float32).T / SCALE[:, None], int(exercise)


def _mixed(found: Iterator[tuple[np.ndarray[Any, Any], int]]) -> Labelled:
    every = list(found)
    order = np.random.default_rng(PERMUTATION_SEED).permutation(len(every))
    x = np.stack([window for window, _ in every])[order]
    return Labelled(x, np.array([exercise for _, exercise in every], dtype=np.int64)[order])


def cnn_task() -> Classification:
    """Return the exercises with a convolutional network over time (43 k parameters)."""
    return Classification(
        "activity",
        data=windows,
        build=CNN1D,
        students={"half": partial(CNN1D, width=16), "shallow": partial(CNN1D, shallow=True), "same": CNN1D},
        recipe=Recipe(epochs=15, learning_rate=4e-3, batch=64),
    )
