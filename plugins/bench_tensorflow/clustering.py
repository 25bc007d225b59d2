"""Weight clustering by TensorFlow's model optimisation toolkit: a layer's weights share a few values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster as experimental

import bench
from bench_tensorflow import runtime
from bench_tensorflow.convert import save_keras
from bench_tensorflow.files import read_keras_2
from bench_tensorflow.options import Training
from bench_tensorflow.pruning import has_kernel, sparsity_of, weights_of
from bench_tensorflow.runtime import tf
from bench_tensorflow.training import labelled, train


def clustered(
    artifact: bench.Artifact, ctx: bench.Context, clusters: int, *, keep_zeros: bool, training: Training
) -> Path:
    """Write the clustered and stripped model as `ctx.workdir / "clustered.keras"` and return its path."""
    runtime.seeded(ctx.seed)
    model = read_keras_2(artifact, "cluster")
    if not any(has_kernel(each) for each in model.layers):
        raise bench.Unsupported("cluster: the model has no dense or convolutional layer of its own")
    model = _wrapped(model, clusters, keep_zeros)
    if training.epochs:
        ctx.note(**train(model, labelled(ctx, training.examples), training, ctx))
    model = tfmot.clustering.keras.strip_clustering(model)
    values = max(len(np.unique(each)) for each in weights_of(model))
    ctx.note(clusters=values, sparsity=sparsity_of(model), method="tensorflow-model-optimization")
    ctx.log(f"at most {values} different weights in a layer")
    return save_keras(model, ctx.workdir, "clustered")


def _wrapped(model: Any, clusters: int, keep_zeros: bool) -> Any:
    settings = {
        "number_of_clusters": clusters,
        "cluster_centroids_init": tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
        "preserve_sparsity": keep_zeros,
    }

    def wrap(layer: Any) -> Any:
        return experimental.cluster_weights(layer, **settings) if has_kernel(layer) else layer

    return tf.keras.models.clone_model(model, clone_function=wrap)
