"""Train a student on the outputs of a frozen teacher."""

from __future__ import annotations

import copy
from typing import Any

import torch

import bench
from bench_distill.losses import distillation_loss


def taught_student(
    model: Any,
    ctx: bench.Context,
    *,
    student: str,
    epochs: float,
    temperature: float,
    alpha: float,
    loss: str,
    learning_rate: float | None,
) -> Any:
    """Return the task's student, trained on `model`'s outputs, in evaluation mode; `model` is left as it was.

    Torch's random state is as before afterwards. Raises BenchError for an unknown student, Unsupported when the task
    cannot train or its targets do not suit the loss.
    """
    teacher = copy.deepcopy(model).eval().requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        learner = _student(ctx, student)
        facts = ctx.fit(
            learner,
            epochs=epochs,
            seed=ctx.seed,
            learning_rate=learning_rate,
            loss=distillation_loss(teacher, loss=loss, temperature=temperature, alpha=alpha),
        )
    before, after = _parameters(model), _parameters(learner)
    ctx.note(student=student, parameters=after, teacher_parameters=before, fit=dict(facts))
    ctx.log(f"distilled {before} parameters into {after}")
    return learner.eval()


def _student(ctx: bench.Context, name: str) -> Any:
    try:
        return ctx.student(name)
    except ValueError as error:  # the task names the students it knows
        raise bench.BenchError(f"distill: {error}") from error


def _parameters(model: Any) -> int:
    return sum(each.numel() for each in model.parameters())
