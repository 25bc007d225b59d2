"""Reference weights, made by `python -m bench_tasks.train`.

They ship with the plugin, so that every machine compresses the same baseline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).parent / "reference"


def load(model: nn.Module, name: str, folder: Path = FOLDER) -> nn.Module:
    """Fill a module with the weights saved under a name and return it in evaluation mode."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as saved:
        model.load_state_dict({key: torch.from_numpy(saved[key]) for key in saved.files})
    return model.eval()


def save(model: nn.Module, name: str, facts: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a module's weights and, beside them, how they were made; return the path of the weights."""
    path = folder / f"{name}.npz"
    arrays: dict[str, Any] = {key: value.cpu().numpy() for key, value in model.state_dict().items()}
    np.savez(path, allow_pickle=False, **arrays)
    path.with_suffix(".json").write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")
    return path
