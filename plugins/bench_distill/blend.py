"""The whole loss of a student: what its teachers say, what the labels say, and what layers are to put out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench_distill.losses import SOFT_LOSSES, check_shapes, hard_loss
from bench_distill.matching import Match
from bench_distill.options import Options
from bench_distill.schedules import Course, temperature_of

Loss = Callable[[Any, Mapping[str, Tensor], Tensor], Tensor]


def distillation_loss(
    teachers: Sequence[Any], options: Options, course: Course | None = None, match: Match | None = None
) -> Loss:
    """Return `f(model, inputs, targets) -> scalar`: alpha * soft + (1 - alpha) * cross-entropy + weight * match.

    `inputs` are tensors by name. Several teachers speak with one voice: the mean of their logits, which is the
    normalised geometric mean of their distributions (Hinton et al. 2015). A term whose weight is 0 is not computed, so
    alpha = 0 without a match never runs a teacher.
    """
    soft_loss, course = SOFT_LOSSES[options.loss], course or Course(options.alpha, options.alpha_schedule)
    warmth = temperature_of(
        options.temperature_schedule, base=options.temperature, beta=options.beta, gamma=options.gamma
    )

    def blended(model: Any, inputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        alpha, output, terms = course.weight, model(**inputs), []
        if alpha > 0 or match is not None:
            with torch.no_grad():
                wisdom = _mean([teacher(**inputs) for teacher in teachers])
        if alpha > 0:
            check_shapes(output, wisdom)
            temperature = warmth(output.detach(), wisdom) if callable(warmth) else warmth
            terms.append(alpha * soft_loss(output, wisdom, temperature))
        if alpha < 1 and not _taught_alone(options):
            terms.append((1 - alpha) * hard_loss(output, targets, options.label_smoothing))
        if match is not None:
            terms.append(options.match_weight * match.loss(inputs))
        return torch.stack(terms).sum()

    return blended


def _taught_alone(options: Options) -> bool:
    """Whether labels have no weight at any time: alpha is 1 and stays it."""
    return options.alpha == 1 and options.alpha_schedule == "constant"


def _mean(answers: list[Tensor]) -> Tensor:
    return answers[0] if len(answers) == 1 else torch.stack(answers).mean(0)
