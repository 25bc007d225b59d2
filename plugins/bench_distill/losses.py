"""Distillation losses on logits; all shapes are [batch, classes] (or any leading axes before the classes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

import bench

SoftLoss = Callable[[Tensor, Tensor, "float | Tensor"], Tensor]


def kl(student: Tensor, teacher: Tensor, temperature: float | Tensor) -> Tensor:
    """Return T^2 * KL(softmax(teacher / T) || softmax(student / T)), averaged over examples (Hinton et al. 2015).

    `temperature` is one number, or one for each example, [batch].
    """
    log_student, log_teacher, scale = _softened(student, teacher, temperature)
    return (scale * (log_teacher.exp() * (log_teacher - log_student)).sum(-1)).mean()


def ce(student: Tensor, teacher: Tensor, temperature: float | Tensor) -> Tensor:
    """Return T^2 times the cross-entropy of the softened outputs: `kl` plus the teacher's entropy, same gradient."""
    log_student, log_teacher, scale = _softened(student, teacher, temperature)
    return -(scale * (log_teacher.exp() * log_student).sum(-1)).mean()


def mse(student: Tensor, teacher: Tensor, temperature: float | Tensor) -> Tensor:
    """Return the mean squared difference of the logits (Ba and Caruana 2014).

    T^2 * mse(student / T, teacher / T) is the same for every temperature, so it does not matter here.
    """
    del temperature
    return F.mse_loss(student, teacher)


def cosine(student: Tensor, teacher: Tensor, temperature: float | Tensor) -> Tensor:
    """Return 1 - cosine of the two outputs, averaged: for embeddings, whose length says nothing."""
    del temperature
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


SOFT_LOSSES: Mapping[str, SoftLoss] = MappingProxyType({"kl": kl, "ce": ce, "mse": mse, "cosine": cosine})


def hard_loss(student: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy with the labels: class indices, shape [batch] (any leading axes).

    `label_smoothing` e mixes each label with the uniform distribution, 1 - e to e (Szegedy et al. 2016). Raises
    Unsupported for targets that are no class indices.
    """
    if targets.is_floating_point() or targets.is_complex() or targets.dim() != student.dim() - 1:
        raise bench.Unsupported(
            f"distill mixes in the cross-entropy with class labels, but this task's targets are {targets.dtype} "
            f"of shape {list(targets.shape)}",
            cure="learn from the teacher alone: alpha: 1, loss: mse",
        )
    return F.cross_entropy(student.flatten(0, -2), targets.flatten(), label_smoothing=label_smoothing)


def check_shapes(student: Any, teacher: Any) -> None:
    """Raise Unsupported when the outputs cannot be compared."""
    if student.shape != teacher.shape:
        raise bench.Unsupported(
            f"the student's output has shape {list(student.shape)}, the teacher's {list(teacher.shape)}",
            cure="choose a student with the teacher's outputs",
        )


def _softened(student: Tensor, teacher: Tensor, temperature: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return both log-softmaxes, [examples, classes], and T^2 of each example."""
    warm = torch.as_tensor(temperature, dtype=student.dtype, device=student.device)
    warm = warm.expand(student.shape[:-1])[..., None]
    logs = (F.log_softmax((each / warm).flatten(0, -2), dim=-1) for each in (student, teacher))
    return next(logs), next(logs), warm.flatten() ** 2
