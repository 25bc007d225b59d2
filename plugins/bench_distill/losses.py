"""Distillation losses on logits; all shapes are [batch, classes] (or any leading axes before the classes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

import bench

SoftLoss = Callable[[Tensor, Tensor, float], Tensor]


def kl(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 * KL(softmax(teacher / T) || softmax(student / T)), averaged over examples (Hinton et al. 2015)."""
    log_student, log_teacher = _log_softened(student, temperature), _log_softened(teacher, temperature)
    return temperature**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def ce(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 times the cross-entropy of the softened outputs: `kl` plus the teacher's entropy, same gradient."""
    log_student, log_teacher = _log_softened(student, temperature), _log_softened(teacher, temperature)
    return -(temperature**2) * (log_teacher.exp() * log_student).sum(-1).mean()


def mse(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean squared difference of the logits (Ba and Caruana 2014).

    T^2 * mse(student / T, teacher / T) is the same for every temperature, so it does not matter here.
    """
    return temperature**2 * F.mse_loss(student / temperature, teacher / temperature)


SOFT_LOSSES: Mapping[str, SoftLoss] = MappingProxyType({"kl": kl, "ce": ce, "mse": mse})


def hard_loss(student: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy with the labels: class indices, shape [batch] (any leading axes).

    Raises Unsupported for targets that are no class indices.
    """
    if targets.is_floating_point() or targets.is_complex() or targets.dim() != student.dim() - 1:
        raise bench.Unsupported(
            f"distill mixes in the cross-entropy with class labels, but this task's targets are {targets.dtype} "
            f"of shape {list(targets.shape)}",
            cure="learn from the teacher alone: alpha: 1, loss: mse",
        )
    return F.cross_entropy(student.flatten(0, -2), targets.flatten())


def distillation_loss(teacher: Any, *, loss: str, temperature: float, alpha: float) -> Callable[..., Tensor]:
    """Return `f(model, inputs, targets) -> scalar`: alpha * soft loss + (1 - alpha) * cross-entropy.

    `inputs` are tensors by name. A term whose weight is 0 is not computed, so alpha = 0 never runs the teacher.
    """
    soft_loss = SOFT_LOSSES[loss]

    def blended(model: Any, inputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        output = model(**inputs)
        terms = []
        if alpha > 0:
            with torch.no_grad():
                wisdom = teacher(**inputs)
            _check_shapes(output, wisdom)
            terms.append(alpha * soft_loss(output, wisdom, temperature))
        if alpha < 1:
            terms.append((1 - alpha) * hard_loss(output, targets))
        return torch.stack(terms).sum()

    return blended


def _log_softened(logits: Tensor, temperature: float) -> Tensor:
    return F.log_softmax((logits / temperature).flatten(0, -2), dim=-1)


def _check_shapes(student: Any, teacher: Any) -> None:
    if student.shape != teacher.shape:
        raise bench.Unsupported(
            f"the student's output has shape {list(student.shape)}, the teacher's {list(teacher.shape)}",
            cure="choose a student with the teacher's outputs",
        )
