"""Image models by their libraries' own loading code: timm and torchvision."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_providers.model import Provided, fill, weights_of

FLOAT = np.dtype(np.float32)


class Timm(Provided):
    """`timm:NAME`, weights from the local caches; `timm:./folder` of `save_for_hf`; `timm:NAME@weights.safetensors`."""

    def load(self) -> torch.nn.Module:
        """Load it by `timm.create_model`, offline."""
        offline()
        import timm

        if self.folder is not None:
            if not (self.folder / "config.json").is_file():
                raise bench.BadInput(f"timm: there is no config.json in {self.folder}")
            return timm.create_model(f"local-dir:{self.folder}", pretrained=True)
        if not timm.is_model(self.name):
            raise bench.BadInput(f"timm knows no '{self.name}'.{near(self.name, timm.list_models())}")
        if self.file is not None:
            weights = weights_of(self.file)
            head = timm.create_model(self.name).default_cfg.get("classifier")
            classes = {f"{head}.weight": "num_classes"} if isinstance(head, str) else {}
            sizes = {key: len(weights[name]) for name, key in classes.items() if name in weights}
            return fill(timm.create_model(self.name, **sizes), weights, self.file)
        return self._cached(timm)

    def _cached(self, timm: Any) -> torch.nn.Module:
        known = timm.get_pretrained_cfg(self.name)
        if known is None or not (known.hf_hub_id or known.url):
            raise bench.BadInput(f"timm has no weights for '{self.name}': give them as timm:{self.name}@FILE")
        if not known.hf_hub_id:
            in_torch_cache(str(known.url), "timm", self.name)
        try:
            return timm.create_model(self.name, pretrained=True)
        except OSError as error:
            raise bench.BadInput(
                f"timm's weights of '{self.name}' are not in {hub_cache()}, and nothing is downloaded"
            ) from error

    def inputs_of(self, module: Any) -> list[bench.ModelInput]:
        """Return its one input, of the size that the model's own configuration tells."""
        return [bench.ModelInput("x", (None, *module.pretrained_cfg["input_size"]), FLOAT)]


class Torchvision(Provided):
    """`torchvision:NAME`, its default weights from torch's cache; or `torchvision:NAME@weights.pth`."""

    def load(self) -> torch.nn.Module:
        """Load it by `torchvision.models.get_model`."""
        models = _torchvision()
        if self.name not in models.list_models():
            raise bench.BadInput(f"torchvision knows no '{self.name}'.{near(self.name, models.list_models())}")
        if self.file is not None:
            weights = weights_of(self.file)
            classes = len(list(weights.values())[-1])  # the classifier ends every model of torchvision
            return fill(models.get_model(self.name, weights=None, num_classes=classes), weights, self.file)
        default = models.get_model_weights(self.name).DEFAULT
        in_torch_cache(str(default.url), "torchvision", self.name)
        return models.get_model(self.name, weights=default)

    def inputs_of(self, module: Any) -> list[bench.ModelInput]:
        """Return its one input, of the size that its default weights are for."""
        del module
        made = _torchvision().get_model_weights(self.name).DEFAULT.transforms()
        size = (getattr(made, "crop_size", None) or [224])[0]
        return [bench.ModelInput("x", (None, 3, size, size), FLOAT)]


def in_torch_cache(url: str, library: str, name: str) -> None:
    """Raise BadInput, saying where, when a file of weights is not where torch keeps what it downloads."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        raise bench.BadInput(f"{library}'s weights of '{name}' are not here, and nothing is downloaded: no {file}")


def hub_cache() -> str:
    """Return where Hugging Face's libraries keep what they download."""
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def offline() -> None:
    """Keep Hugging Face's libraries from the network, also where they are loaded already."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest known name; empty where none is near."""
    hint = bench.did_you_mean(name, known)
    return hint if "Did you mean" in hint else ""


def _torchvision() -> Any:
    try:
        from torchvision import models
    except RuntimeError as error:  # built for another torch than the one here
        what = " ".join(str(error).split())[:120]
        raise bench.Unsupported(f"torchvision does not fit the torch that is installed here: {what}") from error
    return models
