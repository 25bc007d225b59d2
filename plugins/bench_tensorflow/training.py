"""Training a Keras model on what the task shows: labelled examples, in one pass of as many steps as were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import bench
from bench_tensorflow.options import BATCH, Training
from bench_tensorflow.runtime import tf

RATE = 1e-3


def labelled(ctx: bench.Context, examples: int | None) -> tuple[Any, np.ndarray[Any, Any]]:
    """Return training inputs and targets: as many as asked for, or all that the task has."""
    inputs, targets = ctx.labelled(examples)  # type: ignore[arg-type]  # None: all
    arrays = [np.asarray(each) for each in inputs.values()]
    return (arrays[0] if len(arrays) == 1 else arrays), np.asarray(targets)


def train(
    model: Any, data: tuple[Any, Any], training: Training, ctx: bench.Context, callbacks: Sequence[Any] = ()
) -> dict[str, Any]:
    """Train in place with Adam; return steps, samples and the mean loss."""
    inputs, targets = data
    steps = training.steps(len(targets))
    model.compile(optimizer=tf.keras.optimizers.Adam(training.learning_rate or RATE), loss=loss_for(model, targets))
    order = tf.data.Dataset.from_tensor_slices((inputs, targets)).shuffle(len(targets), seed=ctx.seed).repeat()
    batches = order.batch(min(BATCH, len(targets)), drop_remainder=True)
    samples = steps * min(BATCH, len(targets))
    history = ctx.train(
        lambda: model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=list(callbacks)),
        samples=samples,
    )
    return {"steps": steps, "samples": samples, "loss": float(history.history["loss"][-1])}


def loss_for(model: Any, targets: np.ndarray[Any, Any]) -> Any:
    """Return the loss that targets ask for: cross-entropy for classes, on logits unless softmax ends the model."""
    if targets.dtype.kind not in "iu":
        return tf.keras.losses.MeanSquaredError()
    last = getattr(model.layers[-1], "layer", model.layers[-1])
    ended = getattr(getattr(last, "activation", None), "__name__", "") == "softmax"
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=not ended)
