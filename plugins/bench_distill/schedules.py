"""What changes while a student learns: the temperature by example, the teacher's weight by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

Temperature = Callable[[Tensor, Tensor], Tensor]
EPSILON, CONFIDENCE_FLOOR = 1e-4, 1e-3


def flsw(student: Tensor, teacher: Tensor, *, base: float, beta: float, gamma: float) -> Tensor:
    """Return a temperature for each example: lower where the student's logits point elsewhere than the teacher's.

    tau = base + beta (mean(w) - w), w = (1 - cos(student, teacher))^gamma (focal loss style weights, Wen et al. 2019,
    arXiv:1911.07471). Shapes [..., classes] to [...]; no gradient flows through it.
    """
    with torch.no_grad():
        v, t = (each / (each.norm(dim=-1, keepdim=True) + EPSILON) for each in (student, teacher))
        weight = (1 - (v * t).sum(-1)).clamp(min=0) ** gamma
        return base + (weight.mean() - weight) * beta


def cwsm(student: Tensor, teacher: Tensor, *, base: float, beta: float, gamma: float) -> Tensor:
    """Return a temperature for each example: lower where the student is unsure.

    tau = base + beta (mean(w) - w), w = 1 / (largest probability + 0.001) (confidence weighted, Wen et al. 2019).
    """
    del teacher, gamma
    with torch.no_grad():
        weight = 1 / (student.softmax(-1).amax(-1) + CONFIDENCE_FLOOR)
        return base + (weight.mean() - weight) * beta


TEMPERATURES: Mapping[str, Callable[..., Tensor]] = MappingProxyType({"flsw": flsw, "cwsm": cwsm})


def temperature_of(schedule: str, *, base: float, beta: float, gamma: float) -> Temperature | float:
    """Return the temperature, or a function of both logits to one for each example. It never falls below a tenth."""
    if schedule == "constant":
        return base
    formula = TEMPERATURES[schedule]
    return lambda student, teacher: formula(student, teacher, base=base, beta=beta, gamma=gamma).clamp(min=0.1)


class Course:
    """How far the training is, from 0 to 1, and what the teacher's term weighs there."""

    def __init__(self, alpha: float, schedule: str) -> None:
        self.alpha, self.schedule, self.share = alpha, schedule, 0.0

    def step(self, step: int, total: int) -> None:
        """Note that `step` of `total` optimiser steps are done."""
        self.share = step / total

    @property
    def weight(self) -> float:
        """The teacher's weight now: constant, falling to 0 (linear-decay) or rising from 0 (linear-growth)."""
        factor = {"constant": 1.0, "linear-decay": 1 - self.share, "linear-growth": self.share}[self.schedule]
        return self.alpha * factor
