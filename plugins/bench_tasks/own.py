"""A model of your own as a task: an .onnx file, a .pt2 file, or `package.module:factory`.

This module is light: numpy and the frameworks are imported when a task is used.
"""

from __future__ import annotations

from typing import Annotated

import bench

Model = Annotated[str, "the file, or package.module:factory"]
Data = Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"]
FACTS = {
    "metric": "accuracy with labels, else agreement with the uncompressed model",
    "unit": "1",
    "higher_is_better": True,
    "about": "Your own model, as `bench try` makes it.",
    "licence": "yours",
    "source": "yours",
    "version": "1",
}


@bench.task(
    "own-onnx", produces="onnx", needs=("onnx", "onnxruntime"), extra="onnxruntime", facts={**FACTS, "opens": ".onnx"}
)
def own_onnx(model: Model, data: Data = None) -> bench.Task:
    """Take an .onnx file of your own (for `bench try`)."""
    from bench_tasks.own_models import OnnxModel, own_task

    return own_task(OnnxModel(model), data)


@bench.task("own-torch", produces="torch", needs=("torch",), extra="torch", facts={**FACTS, "opens": ".pt2"})
def own_torch(model: Model, data: Data = None) -> bench.Task:
    """Take a torch.export program (.pt2) of your own (for `bench try`)."""
    from bench_tasks.own_models import ProgramModel, own_task

    return own_task(ProgramModel(model), data)


@bench.task("own-module", produces="module", needs=("torch",), extra="torch", facts={**FACTS, "opens": ":"})
def own_module(model: Model, data: Data = None) -> bench.Task:
    """Take a torch module from a factory that returns it, or it and its example inputs by name (for `bench try`)."""
    from bench_tasks.own_models import FactoryModel, own_task

    return own_task(FactoryModel(model), data)
