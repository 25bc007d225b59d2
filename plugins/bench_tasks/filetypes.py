"""File typing: the ONNX model of the package magika names the type of files from their first and last bytes.

Fratantonio et al. 2024, "Magika: AI-Powered Content-Type Detection" (arXiv:2409.13768).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_tasks import examples
from bench_tasks.corpus import LABELS, Specimen, specimens
from bench_tasks.packages import CURE, package_file

MODEL = ("models", "standard_v3_3")
INPUT = "bytes"
# Of every three files of an extension two may be evaluated and one may calibrate.
EVALUATION_PER_TYPE, CALIBRATION_PER_TYPE = 20, 40

Features = np.ndarray[Any, Any]


class FileTypes:
    """Accuracy over files whose extension is known. The model comes as ONNX only and cannot be trained.

    The one input is `bytes`, [n, 2048] int32: 1,024 bytes from each end of the file, 256 where there are none.
    """

    metric = bench.Metric("accuracy")

    @cached_property
    def splits(self) -> dict[str, list[tuple[str, Features]]]:
        """The extension and the features of the files of "calibration" and "evaluation", read once."""
        return choose(specimens(), Extractor())

    def digest(self) -> str:
        """Return a digest of the features of both splits and of the labels."""
        arrays = {split: self.inputs(split)[INPUT] for split in self.splits}
        return examples.digest({**arrays, "labels": self._right.astype(np.uint8)})

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the protocol's name
        """Copy the published model into the folder. Raises bench.Unsupported for another format than "onnx"."""
        if format != "onnx":
            raise bench.Unsupported(f"magika comes as onnx only, not as {format}")
        return Path(shutil.copyfile(package_file("magika", *MODEL, "model.onnx"), folder / "magika.onnx"))

    def inputs(self, split: str, n: int | None = None) -> dict[str, Features]:
        """Return the first n inputs of "calibration" or "evaluation" (all when None)."""
        return examples.select({name: {INPUT: _stack(files)} for name, files in self.splits.items()}, split, n)

    def example(self, batch: int, seed: int) -> dict[str, Features]:
        """Return a batch of evaluation inputs, always the same for a seed."""
        return examples.draw(self.inputs("evaluation"), batch, seed)

    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return accuracy: an outcome is 1 where the likeliest label is right for the extension; NaN is wrong."""
        right = self._right
        scores = examples.only_output(outputs, len(right))
        hit = right[np.arange(len(right)), scores.argmax(axis=1)] & ~np.isnan(scores).any(axis=1)
        return examples.mean_score(hit.astype(np.float64))

    @cached_property
    def _right(self) -> np.ndarray[Any, Any]:
        """Which of the model's labels are right for each evaluation file, [n, labels]."""
        labels = json.loads(package_file("magika", *MODEL, "config.min.json").read_text())["target_labels_space"]
        return np.array([np.isin(labels, LABELS[extension]) for extension, _ in self.splits["evaluation"]])


class Extractor:
    """The package's own extraction of features."""

    def __init__(self) -> None:
        try:
            from magika import Magika
            from magika.types import Seekable
        except ImportError as error:
            raise bench.Unsupported(f"the package 'magika' is not installed: {CURE}") from error
        self._extract, self._open = Magika._extract_features_from_seekable, Seekable
        self._config = Magika._load_model_config(package_file("magika", *MODEL, "config.min.json"))

    def __call__(self, path: Path) -> Features | None:
        """Return the features of a file, [2048] int32, or None where magika would not ask its model."""
        config = self._config
        with path.open("rb") as stream:
            found = self._extract(
                self._open(stream),
                config.beg_size,
                config.mid_size,
                config.end_size,
                config.padding_token,
                config.block_size,
                config.use_inputs_at_offsets,
            )
        if found.beg[config.min_file_size_for_dl - 1] == config.padding_token:
            return None
        return np.array([*found.beg, *found.mid, *found.end], dtype=np.int32)


def choose(files: list[Specimen], extract: Extractor) -> dict[str, list[tuple[str, Features]]]:
    """Return evaluation and calibration files: at most 20 and 40 of an extension, no two with the same features.

    Within an extension files are taken in their given order; the extensions take turns, so that the first few of a
    split are of many types.
    """
    limits = {"calibration": CALIBRATION_PER_TYPE, "evaluation": EVALUATION_PER_TYPE}
    turns: dict[str, list[tuple[int, str, Features]]] = {split: [] for split in limits}
    seen: set[bytes] = set()
    met: Counter[str] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    for file in files:
        split = "calibration" if met[file.extension] % 3 == 2 else "evaluation"
        met[file.extension] += 1
        turn = taken[split, file.extension]
        features = extract(file.path) if turn < limits[split] else None
        if features is not None and features.tobytes() not in seen:
            seen.add(features.tobytes())
            taken[split, file.extension] += 1
            turns[split].append((turn, file.extension, features))
    return {split: [each[1:] for each in sorted(of, key=lambda each: each[:2])] for split, of in turns.items()}


def _stack(files: list[tuple[str, Features]]) -> Features:
    return np.stack([features for _, features in files])
