"""Train a student on the outputs of frozen teachers."""

from __future__ import annotations

import copy
from typing import Any

import torch

import bench
from bench_distill.blend import distillation_loss
from bench_distill.matching import Lesson, Match, match_of
from bench_distill.options import Options
from bench_distill.schedules import Course

EXAMPLES = 4  # enough to see the shapes of features
SAME = "same"


def taught_student(model: Any, ctx: bench.Context, options: Options) -> Any:
    """Return the task's student, trained on `model`'s outputs, in evaluation mode; `model` is left as it was.

    Torch's random state is as before afterwards. Raises BenchError for an unknown student or layer and for
    contradictory options, Unsupported when the task cannot train or its targets or layers do not suit the loss.
    """
    options.check()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        teachers = [frozen(model), *(_another(ctx, number, options) for number in range(1, options.teachers))]
        learner = _student(ctx, options.student)
        match = _match(learner, teachers[0], ctx, options) if options.match != "none" else None
        facts = _taught(learner, teachers, match, ctx, options)
    before, after = _parameters(model), _parameters(learner)
    ctx.note(student=options.student, parameters=after, teacher_parameters=before, fit=dict(facts))
    if match is not None:
        ctx.note(match=options.match, layers=[f"{mine}={theirs}" for mine, theirs in match.pairs])
    if options.teachers > 1:
        ctx.note(teachers=options.teachers)
    ctx.log(f"distilled {before} parameters into {after}")
    return learner.eval()


def _taught(learner: Any, teachers: list[Any], match: Match | None, ctx: bench.Context, options: Options) -> Any:
    course = Course(options.alpha, options.alpha_schedule)
    few = {} if options.examples is None else {"examples": options.examples}
    if match is not None:
        match.listen(learner, teachers[0])
    try:
        return ctx.fit(
            Lesson(learner, match.projections) if match is not None else learner,
            epochs=options.epochs,
            seed=ctx.seed,
            learning_rate=options.learning_rate,
            loss=distillation_loss(teachers, options, course, match),
            after_step=course.step,
            **few,
        )
    finally:
        if match is not None:
            match.close()


def frozen(model: Any) -> Any:
    """Return a copy in evaluation mode that takes no gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def _another(ctx: bench.Context, number: int, options: Options) -> Any:
    """Train a further teacher: the reference's architecture, from other random weights, in another order."""
    teacher = _student(ctx, SAME)
    for each in teacher.modules():
        if hasattr(each, "reset_parameters"):
            each.reset_parameters()
    ctx.fit(teacher, epochs=options.teacher_epochs, seed=ctx.seed + number)
    return frozen(teacher)


def _match(learner: Any, teacher: Any, ctx: bench.Context, options: Options) -> Match:
    inputs = {name: torch.from_numpy(each) for name, each in ctx.calibration(EXAMPLES).items()}
    device = next(learner.parameters()).device
    moved = {name: each.to(device) for name, each in inputs.items()}
    return match_of(options.match, options.layers, learner, teacher, moved, options.projection)


def _student(ctx: bench.Context, name: str) -> Any:
    try:
        return ctx.student(name)
    except ValueError as error:  # the task names the students it knows
        raise bench.BenchError(f"distill: {error}") from error


def _parameters(model: Any) -> int:
    return sum(each.numel() for each in model.parameters())
