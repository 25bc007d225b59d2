"""Running a module in memory, as its exported program would be run, and leaving it as it was."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

import bench
from bench_torch.session import to_numpy


def run_module(module: Any, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """Return the outputs of one batch, named as those of a session: `output`, or `output_0` and on.

    A copy is run where the module can be copied: observers and running averages then keep what they had seen.
    """
    tensors = {name: torch.tensor(np.asarray(value)) for name, value in inputs.items()}
    modes = {each: each.training for each in module.modules()}
    try:
        subject = _copied(module)
        subject.eval()
        with torch.no_grad():
            leaves = [each for each in _pytree.tree_leaves(subject(**tensors)) if isinstance(each, torch.Tensor)]
    finally:
        for each, training in modes.items():
            each.training = training
    names = ["output"] if len(leaves) == 1 else [f"output_{index}" for index in range(len(leaves))]
    return {name: to_numpy(each) for name, each in zip(names, leaves, strict=True)}


def _copied(module: Any) -> Any:
    try:
        return copy.deepcopy(module)
    except Exception:  # noqa: BLE001 - a module's parts may refuse to be copied in any way; the module itself can be run
        return module
