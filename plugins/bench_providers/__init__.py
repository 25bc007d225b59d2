"""Models of others' libraries as tasks: `model: timm:…`, `hf:…`, `torchvision:…`. Nothing is ever downloaded.

This module is light: the libraries are imported when a model is loaded.
"""

from __future__ import annotations

from typing import Annotated, Any

import bench

OWN: dict[str, Any] = {
    "metric": "accuracy with labels, else agreement with the uncompressed model",
    "unit": "1",
    "higher_is_better": True,
    "about": "A model of a library, with its weights on this machine.",
    "licence": "the model's own",
    "source": "the library's",
    "version": "1",
}
Model = Annotated[str, "the library and what it loads: a name, a local folder, or NAME@FILE of weights"]
Data = Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"]
Metric = Annotated[str | None, "what quality is: package.module:function of outputs and labels"]


@bench.task("own-timm", produces="module", needs=("timm", "torch"), extra="timm", facts={**OWN, "opens": "timm:"})
def own_timm(model: Model, data: Data = None, metric: Metric = None) -> bench.Task:
    """Take an image model of timm (for `bench try`)."""
    from bench_providers.images import Timm
    from bench_providers.model import ProvidedTask

    return ProvidedTask(Timm(model), data, metric)


@bench.task(
    "own-torchvision",
    produces="module",
    needs=("torchvision", "torch"),
    extra="torchvision",
    facts={**OWN, "opens": "torchvision:"},
)
def own_torchvision(model: Model, data: Data = None, metric: Metric = None) -> bench.Task:
    """Take an image model of torchvision (for `bench try`)."""
    from bench_providers.images import Torchvision
    from bench_providers.model import ProvidedTask

    return ProvidedTask(Torchvision(model), data, metric)


@bench.task("own-hf", produces="module", needs=("transformers", "torch"), extra="hf", facts={**OWN, "opens": "hf:"})
def own_hf(model: Model, data: Data = None, metric: Metric = None) -> bench.Task:
    """Take a model of transformers: a local folder, or a name that Hugging Face's cache holds (for `bench try`)."""
    from bench_providers.model import ProvidedTask
    from bench_providers.transformer import Transformer

    return ProvidedTask(Transformer(model), data, metric)
