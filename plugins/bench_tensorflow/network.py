"""The network of `keras-mnist`, and its training from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench_tensorflow import runtime
from bench_tensorflow.convert import save_keras
from bench_tensorflow.options import BATCH
from bench_tensorflow.runtime import tf

SEED, EPOCHS, RATE = 0, 10, 2e-3


def network() -> Any:
    """Return two convolutions with pooling and two dense layers, [n, 1, 28, 28] to logits [n, 10]; untrained."""
    layers = tf.keras.layers
    x = tf.keras.Input((1, 28, 28), name="x")
    hidden = layers.Reshape((28, 28, 1))(x)
    for channels in (16, 32):
        hidden = layers.Conv2D(channels, 3, padding="same", activation="relu")(hidden)
        hidden = layers.MaxPooling2D()(hidden)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(hidden))
    return tf.keras.Model(x, layers.Dense(10, name="output")(layers.Dropout(0.3)(hidden)))


def write_trained(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], folder: Path) -> Path:
    """Train the network, always the same on one machine, and write it as `folder / "model.keras"`."""
    runtime.seeded(SEED)
    model = network()
    steps = EPOCHS * -(-len(y) // BATCH)
    rate = tf.keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=tf.keras.optimizers.Adam(rate), loss=loss)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return save_keras(model, folder, "model")
