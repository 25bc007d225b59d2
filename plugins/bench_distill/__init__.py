"""Distillation: a smaller student learns from the model it replaces.

`import bench_distill` is light: torch is loaded when a recipe runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import bench


@bench.compressor("distill", needs=("torch",), extra="torch")
def distill(
    model: Any,
    ctx: bench.Context,
    *,
    student: Annotated[str, "name of the task's smaller module: 'half' has half the widths"] = "half",
    epochs: Annotated[float, bench.Bounds(gt=0), "passes over the training split"] = 8.0,
    temperature: Annotated[float, bench.Bounds(gt=0), "divides the logits before the softmax"] = 4.0,
    alpha: Annotated[float, bench.Bounds(ge=0, le=1), "weight of the teacher's term; the labels get the rest"] = 0.7,
    loss: Annotated[
        Literal["kl", "ce", "mse"], "the teacher's term: KL divergence, cross-entropy or logits' MSE"
    ] = "kl",
    learning_rate: Annotated[
        float | None, bench.Bounds(gt=0), "peak learning rate; the task's own when left out"
    ] = None,
) -> Any:
    """Train a smaller student on the outputs of the incoming model (Hinton, Vinyals and Dean 2015).

    The incoming model is the teacher: frozen, in evaluation mode, left untouched. The loss is
    alpha * T^2 * soft(student / T, teacher / T) + (1 - alpha) * cross_entropy(student, labels).
    """
    from bench_distill.train import taught_student

    return taught_student(
        model,
        ctx,
        student=student,
        epochs=epochs,
        temperature=temperature,
        alpha=alpha,
        loss=loss,
        learning_rate=learning_rate,
    )
