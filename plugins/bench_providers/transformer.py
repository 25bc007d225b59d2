"""Models of transformers by its own loading code, from a local folder or Hugging Face's cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_providers.images import FLOAT, hub_cache, offline
from bench_providers.model import Provided

WHOLE = np.dtype(np.int64)


class Transformer(Provided):
    """`hf:./folder`, as `save_pretrained` writes it, or `hf:NAME` of Hugging Face's cache; remote code is never run."""

    def load(self) -> torch.nn.Module:
        """Load the architecture that its configuration names by `from_pretrained`, offline."""
        offline()
        import transformers

        place = self._place()
        try:
            config = transformers.AutoConfig.from_pretrained(place, local_files_only=True, trust_remote_code=False)
            model = _architecture(transformers, config).from_pretrained(place, config=config, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            why = " ".join(str(error).split())[:200]
            raise bench.BadInput(f"transformers cannot load {place}: {why}") from error
        model.config.use_cache = False
        return _WRAPPERS[_kind(model)](model)

    def inputs_of(self, module: Any) -> list[bench.ModelInput]:
        """Return token numbers and their mask, or an image of the size that the configuration tells."""
        config = module.model.config
        if isinstance(module, Tokens):
            return [bench.ModelInput(name, (None, None), WHOLE) for name in ("input_ids", "attention_mask")]
        size = config.image_size
        sides = (size, size) if isinstance(size, int) else tuple(size)
        return [bench.ModelInput("pixel_values", (None, config.num_channels, *sides), FLOAT)]

    def _place(self) -> Path:
        if self.folder is not None:
            if not (self.folder / "config.json").is_file():
                raise bench.BadInput(f"hf: there is no config.json in {self.folder}")
            return self.folder
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(self.name, local_files_only=True))
        except (OSError, ValueError) as error:
            raise bench.BadInput(f"'{self.name}' is not in {hub_cache()}, and nothing is downloaded") from error


class Tokens(torch.nn.Module):
    """A model of token numbers, whose answer is one tensor: logits, or the last hidden states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Answer for token numbers and their mask, shapes [n, tokens]."""
        return _answer(self.model(input_ids=input_ids, attention_mask=attention_mask))


class Pixels(torch.nn.Module):
    """A model of images, whose answer is one tensor: logits, or the last hidden states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Answer for images, shape [n, channels, height, width]."""
        return _answer(self.model(pixel_values=pixel_values))


_WRAPPERS = {"input_ids": Tokens, "pixel_values": Pixels}


def _answer(found: Any) -> torch.Tensor:
    logits = getattr(found, "logits", None)
    return logits if logits is not None else found[0]


def _kind(model: Any) -> str:
    kind = str(model.main_input_name)
    if kind not in _WRAPPERS or model.config.is_encoder_decoder:
        what = "an encoder with a decoder" if model.config.is_encoder_decoder else f"a model of '{kind}'"
        raise bench.Unsupported(
            f"{type(model).__name__} is {what}; models of input_ids and of pixel_values can be taken"
        )
    return kind


def _architecture(transformers: Any, config: Any) -> Any:
    names = config.architectures or []
    if not names:
        return transformers.AutoModel
    found = getattr(transformers, names[0], None)
    if found is None:
        raise bench.BadInput(
            f"the architecture {names[0]} is none of transformers: code that a model brings is never run"
        )
    return found
