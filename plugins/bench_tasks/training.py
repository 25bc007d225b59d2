"""The training loop of all trainable tasks: AdamW under a one-cycle schedule, seeded and bit-reproducible.

AdamW: Loshchilov and Hutter 2019 (arXiv:1711.05101). One cycle: Smith and Topin 2018 (arXiv:1708.07120).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

import bench

Inputs = Mapping[str, torch.Tensor]
Loss = Callable[[nn.Module, Inputs, torch.Tensor], torch.Tensor]
AfterStep = Callable[[int, int], None]
# The reported loss is the mean over these last steps: one batch alone is noise.
LAST_STEPS = 10


@dataclass(frozen=True)
class Plan:
    """How to train: `epochs` may be fractional; `learning_rate` is the peak of the cycle."""

    epochs: float
    seed: int
    learning_rate: float
    batch: int = 128
    weight_decay: float = 1e-3

    def steps(self, examples: int) -> int:
        """Return the number of optimiser steps: at least one for any epochs above 0. Raises ValueError below 0."""
        if not 0 <= self.epochs < math.inf:
            raise ValueError(f"epochs must be 0 or more, not {self.epochs}")
        whole = round(self.epochs * math.ceil(examples / self.batch))
        return max(1, whole) if self.epochs else 0

    def samples(self, examples: int) -> int:
        """Return how many examples those steps see, each counted as often as it is seen."""
        epochs, rest = divmod(self.steps(examples), math.ceil(examples / self.batch))
        return epochs * examples + min(rest * self.batch, examples)


def cross_entropy(model: nn.Module, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the model's logits, [..., classes], for the classes, [...]."""
    return nn.functional.cross_entropy(model(**inputs).flatten(0, -2), targets.flatten())


def fit(
    model: nn.Module,
    inputs: bench.Arrays,
    targets: np.ndarray[Any, Any],
    plan: Plan,
    *,
    loss: Loss | None = None,
    after_step: AfterStep | None = None,
) -> dict[str, Any]:
    """Train a module in place on its own device and leave it in evaluation mode; return facts.

    `loss(model, inputs, targets)` gets tensors and returns a scalar; `after_step(step, total)` runs after each
    optimiser step, step counting from 1. On a processor the same seed, machine and versions give the same weights, bit
    for bit. The global random state, thread count and determinism switch are left as found. Raises bench.BenchError
    when the loss is no longer finite.
    """
    device = next(model.parameters()).device
    total = plan.steps(len(targets))
    data = _tensors(inputs, targets, device)
    try:
        with _reproducible(plan.seed, device):
            losses = _steps(model, data, plan, total=total, loss=loss or cross_entropy, after_step=after_step)
    finally:
        model.eval()
    return {
        "epochs": plan.epochs,
        "steps": total,
        "samples": plan.samples(len(targets)),
        "learning_rate": plan.learning_rate,
        "seed": plan.seed,
        "final_loss": sum(losses[-LAST_STEPS:]) / len(losses[-LAST_STEPS:]) if losses else None,
    }


def _steps(
    model: nn.Module,
    data: tuple[dict[str, torch.Tensor], torch.Tensor],
    plan: Plan,
    *,
    total: int,
    loss: Loss,
    after_step: AfterStep | None,
) -> list[float]:
    """Take `total` optimiser steps and return the loss of each."""
    inputs, targets = data
    trained = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(trained, plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=max(1, total))
    losses: list[float] = []
    model.train()
    for step, rows in zip(range(1, total + 1), _batches(len(targets), plan), strict=False):
        value = loss(model, {name: each[rows] for name, each in inputs.items()}, targets[rows])
        losses.append(_finite(value.item(), step, plan))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
        if after_step is not None:
            after_step(step, total)
    return losses


def _batches(examples: int, plan: Plan) -> Iterator[torch.Tensor]:
    """Yield row numbers for ever, a fresh order each epoch, from a generator that no loss function shares."""
    order = torch.Generator().manual_seed(plan.seed)
    while True:
        yield from torch.randperm(examples, generator=order).split(plan.batch)


def _tensors(
    inputs: bench.Arrays, targets: np.ndarray[Any, Any], device: torch.device
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    moved = {name: torch.from_numpy(array).to(device) for name, array in inputs.items()}
    return moved, torch.from_numpy(targets).to(device)


def _finite(value: float, step: int, plan: Plan) -> float:
    if not math.isfinite(value):
        raise bench.BenchError(
            f"training diverged: the loss became {value} at step {step}",
            cure=f"lower learning_rate (it was {plan.learning_rate:g})",
        )
    return value


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run the body from a seed on the processor and, where given, a CUDA device; put the global random state back."""
    cuda: list[int] = []
    if device is not None and device.type == "cuda":
        cuda = [torch.cuda.current_device() if device.index is None else device.index]
    with torch.random.fork_rng(devices=cuda):
        # torch.manual_seed would also queue a seed for every CUDA device, which fork_rng does not put back.
        torch.default_generator.manual_seed(seed)
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def _reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Seed, take one thread and deterministic algorithms only, and put everything back."""
    threads = torch.get_num_threads()
    strict, lenient = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with seeded(seed, device):
        try:
            torch.set_num_threads(1)
            # On CUDA some kernels have no deterministic form; there a warning must do.
            torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=lenient)
