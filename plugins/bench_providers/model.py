"""A torch module that a library loads, as the model of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch

import bench


class Provided(ABC):
    """A model by the name that a suite gives it: `provider:NAME`, `provider:FOLDER` or `provider:NAME@FILE`."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.name, _, file = place.partition(":")[2].partition("@")
        self.file = Path(file) if file else None

    @property
    def folder(self) -> Path | None:
        """The local folder that the name is, None where it is a name."""
        return Path(self.name) if self.name.startswith(("/", "./", "../")) else None

    @abstractmethod
    def load(self) -> torch.nn.Module:
        """Return the module with its weights. Raises BadInput, saying where it looked, when they are not here."""

    @abstractmethod
    def inputs_of(self, module: Any) -> list[bench.ModelInput]:
        """Return the inputs that a loaded module takes."""

    def fresh(self) -> torch.nn.Module:
        """Return a fresh module in evaluation mode."""
        return self.load().eval().requires_grad_(False)

    def inputs(self) -> list[bench.ModelInput]:
        """Return the inputs that the library says the model takes."""
        return self.inputs_of(self.load())

    def write(self, folder: Path) -> Path:
        """Raise: a module stays in memory; a converter writes the file."""
        raise bench.Unsupported(f"{self.place} is a module in memory, no file for {folder.name}")

    def answer(self, arrays: bench.Arrays) -> dict[str, Any]:
        """Run the module."""
        with torch.inference_mode():
            result = self.fresh()(**{name: torch.as_tensor(value) for name, value in arrays.items()})
        parts = result if isinstance(result, (list, tuple)) else [result]
        return {f"output_{index}": part.float().numpy() for index, part in enumerate(parts)}


class ProvidedTask(bench.ModelTask):
    """The task of a library's model."""

    def __init__(self, model: Provided, data: str | None, metric: str | None = None) -> None:
        super().__init__(model, data, metric)
        self._provided = model

    def module(self) -> Any:
        """Return a fresh module in evaluation mode, its parameters trainable."""
        return self._provided.fresh().requires_grad_(True)


def weights_of(file: Path) -> dict[str, Any]:
    """Return a file of weights by name: safetensors, or torch's, which is read without running what it holds.

    Raises BadInput for a file that is not there or holds something else.
    """
    if not file.is_file():
        raise bench.BadInput(f"no such file of weights: {file}")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(file))
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has its own kinds
        raise bench.BadInput(f"{file.name} holds no weights by name that can be read safely") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise bench.BadInput(f"{file.name} holds no weights by name")
    return found


def fill(module: torch.nn.Module, weights: dict[str, Any], file: Path) -> torch.nn.Module:
    """Put weights into a module. Raises BadInput when they are another model's."""
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        lines = [each.strip() for each in str(error).splitlines() if each.strip()]
        raise bench.BadInput(f"{file.name} is not of this model: {' '.join(lines[1:2])[:200]}") from error
    return module
