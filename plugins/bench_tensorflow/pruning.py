"""Magnitude pruning by TensorFlow's model optimisation toolkit, on a schedule that the data's size sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot

import bench
from bench_tensorflow import runtime
from bench_tensorflow.convert import save_keras
from bench_tensorflow.files import read_keras_2
from bench_tensorflow.options import Pruning, Training
from bench_tensorflow.runtime import tf
from bench_tensorflow.training import labelled, train

NEVER_ENDS = -1


def pruned(artifact: bench.Artifact, ctx: bench.Context, plan: Pruning, training: Training) -> Path:
    """Write the pruned and stripped model as `ctx.workdir / "pruned.keras"` and return its path."""
    plan.check(training.epochs)
    runtime.seeded(ctx.seed)
    model = read_keras_2(artifact, "prune")
    if training.epochs:
        data = labelled(ctx, training.examples)
        model = _wrapped(model, _schedule(plan, training.steps(len(data[1]))))
        ctx.note(**train(model, data, training, ctx, [tfmot.sparsity.keras.UpdatePruningStep()]))
    else:
        model = _wrapped(model, _schedule(plan, 0))
        _mask_once(model)
    model = tfmot.sparsity.keras.strip_pruning(model)
    reached = sparsity_of(model)
    ctx.note(sparsity=reached, schedule=plan.schedule, method="tensorflow-model-optimization")
    ctx.log(f"{reached:.2%} of the weights are zero")
    return save_keras(model, ctx.workdir, "pruned")


def weights_of(model: Any) -> list[np.ndarray[Any, Any]]:
    """Return the weights that pruning and clustering work on: kernels of dense and convolutional layers."""
    return [each.kernel.numpy() for each in model.layers if has_kernel(each)]


def has_kernel(layer: Any) -> bool:
    """Whether a layer multiplies by a kernel; a depthwise one does not count: the toolkit leaves its few weights."""
    layers = tf.keras.layers
    return isinstance(layer, (layers.Dense, layers.Conv1D, layers.Conv2D)) and not isinstance(
        layer, (layers.DepthwiseConv2D, layers.Conv2DTranspose)
    )


def sparsity_of(model: Any) -> float:
    """Return the fraction of zeros among the weights that are pruned."""
    kernels = weights_of(model)
    return float(sum((each == 0).sum() for each in kernels) / max(1, sum(each.size for each in kernels)))


def _schedule(plan: Pruning, total: int) -> Any:
    keras = tfmot.sparsity.keras
    if plan.schedule == "one-shot":
        return keras.ConstantSparsity(plan.sparsity, begin_step=0, end_step=NEVER_ENDS, frequency=1)
    first, last, frequency = plan.span(total)
    return keras.PolynomialDecay(plan.initial, plan.sparsity, first, last, frequency=frequency)


def _wrapped(model: Any, schedule: Any) -> Any:
    """Return the model with a mask around each layer that has a kernel; Unsupported where none has."""
    if not any(has_kernel(each) for each in model.layers):
        raise bench.Unsupported("prune: the model has no dense or convolutional layer of its own")

    def wrap(layer: Any) -> Any:
        keras = tfmot.sparsity.keras
        return keras.prune_low_magnitude(layer, pruning_schedule=schedule) if has_kernel(layer) else layer

    return tf.keras.models.clone_model(model, clone_function=wrap)


def _mask_once(model: Any) -> None:
    """Prune without training: masks from the weights as they are."""
    for layer in model.layers:
        if hasattr(layer, "pruning_obj"):
            layer.pruning_step.assign(0)
            layer.pruning_obj.conditional_mask_update()
            layer.pruning_obj.weight_mask_op()
