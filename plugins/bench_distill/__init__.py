"""Distillation: a smaller student learns from the model it replaces.

`import bench_distill` is light: torch is loaded when a recipe runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import bench

Student = Annotated[
    str, "name of the task's module: 'half' has half the widths, 'shallow' fewer layers, 'same' is born again"
]
Temperature = Annotated[float, bench.Bounds(gt=0), "divides the logits before the softmax"]
Alpha = Annotated[float, bench.Bounds(ge=0, le=1), "weight of the teacher's term; the labels get the rest"]
Loss = Annotated[
    Literal["kl", "ce", "mse", "cosine"],
    "the teacher's term: KL divergence, cross-entropy, logits' MSE, or the cosine of embeddings",
]
Match = Annotated[
    Literal[
        "none", "hint", "hidden-mse", "cosine", "pkd", "attention-transfer", "nst", "mmd", "gram", "fsp",
        "similarity", "rkd", "attention-mse", "attention-ce",
    ],
    "what layers are to put out as well: features of student and teacher compared",
]  # fmt: skip
Layers = Annotated[list[str] | None, "names of layers, or student's=teacher's; the last common one when left out"]
Schedule = Annotated[
    Literal["constant", "flsw", "cwsm"], "temperature of each example: by how far off, or how unsure, the student is"
]
AlphaSchedule = Annotated[
    Literal["constant", "linear-decay", "linear-growth"], "alpha over the training: as it is, to 0, or from 0"
]
Projection = Annotated[
    Literal["auto", "none", "linear", "relu", "tanh"],
    "what brings the student's features to the teacher's width, trained beside it; auto: linear where widths differ",
]


@bench.compressor("distill", needs=("torch",), extra="torch")
def distill(
    model: Any,
    ctx: bench.Context,
    *,
    student: Student = "half",
    epochs: Annotated[float, bench.Bounds(gt=0), "passes over the training split"] = 8.0,
    temperature: Temperature = 4.0,
    alpha: Alpha = 0.7,
    loss: Loss = "kl",
    learning_rate: Annotated[
        float | None, bench.Bounds(gt=0), "peak learning rate; the task's own when left out"
    ] = None,
    label_smoothing: Annotated[float, bench.Bounds(ge=0, lt=1), "share of a label spread over all classes"] = 0.0,
    temperature_schedule: Schedule = "constant",
    beta: Annotated[float, bench.Bounds(ge=0), "how far a temperature schedule moves (flsw, cwsm)"] = 1.0,
    gamma: Annotated[float, bench.Bounds(ge=0), "exponent of flsw"] = 2.0,
    alpha_schedule: AlphaSchedule = "constant",
    teachers: Annotated[int, bench.Bounds(ge=1, le=8), "teachers; further ones are trained from other seeds"] = 1,
    teacher_epochs: Annotated[float, bench.Bounds(gt=0), "passes that further teachers are trained for"] = 4.0,
    match: Match = "none",
    layers: Layers = None,
    match_weight: Annotated[float, bench.Bounds(gt=0), "weight of the match"] = 1.0,
    projection: Projection = "auto",
    examples: Annotated[int | None, bench.Bounds(ge=1), "training examples to learn from; all when left out"] = None,
) -> Any:
    """Train a smaller student on the outputs of the incoming model (Hinton, Vinyals and Dean 2015).

    The incoming model is the teacher: frozen, in evaluation mode, left untouched. The loss is
    alpha * T^2 * soft(student / T, teacher / T) + (1 - alpha) * cross_entropy(student, labels) + match_weight * match.
    """
    from bench_distill.options import Options
    from bench_distill.train import taught_student

    options = Options(
        student=student,
        epochs=epochs,
        temperature=temperature,
        alpha=alpha,
        loss=loss,
        learning_rate=learning_rate,
        label_smoothing=label_smoothing,
        temperature_schedule=temperature_schedule,
        beta=beta,
        gamma=gamma,
        alpha_schedule=alpha_schedule,
        teachers=teachers,
        teacher_epochs=teacher_epochs,
        match=match,
        layers=tuple(layers or ()),
        match_weight=match_weight,
        projection=projection,
        examples=examples,
    )
    return taught_student(model, ctx, options)
