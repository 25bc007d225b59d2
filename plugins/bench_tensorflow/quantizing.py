"""Quantising while converting to TFLite, and training for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bench
from bench_tensorflow import runtime
from bench_tensorflow.convert import Settings, representative, write_tflite
from bench_tensorflow.files import Callee, keras_callee, read_callee, read_keras_2
from bench_tensorflow.options import Quantisation, Training
from bench_tensorflow.runtime import tf
from bench_tensorflow.training import labelled, train


def quantized(artifact: bench.Artifact, ctx: bench.Context, plan: Quantisation, training: Training) -> Path:
    """Write `ctx.workdir / "MODE.tflite"` and return its path; inputs and outputs stay floats."""
    plan.check()
    runtime.seeded(ctx.seed)
    callee = _trained(artifact, ctx, training) if plan.mode == "qat" else read_callee(artifact)
    path = write_tflite(callee, Path(ctx.workdir) / f"{plan.mode}.tflite", _settings(plan, ctx))
    ctx.note(converter=runtime.versions(), mode=plan.mode, **_types(plan))
    ctx.log(f"{artifact.size_bytes} bytes became {path.stat().st_size}")
    return path


def _trained(artifact: bench.Artifact, ctx: bench.Context, training: Training) -> Callee:
    """Train under fake quantisation (TFMOT's default scheme: int8 weights per channel, int8 activations)."""
    from tensorflow_model_optimization.python.core.quantization.keras import quantize

    if artifact.path.is_dir():
        raise bench.Unsupported("quantize: a SavedModel cannot be trained", cure="use mode: static, or a Keras model")
    floats = read_keras_2(artifact, "quantize")
    try:
        model = quantize.quantize_model(floats)
    except (ValueError, RuntimeError) as error:
        raise bench.Unsupported(f"quantize: the toolkit cannot train this model for int8: {error}"[:300]) from error
    if training.epochs:
        ctx.note(**train(model, labelled(ctx, training.examples), training, ctx))
    return keras_callee(model, named_as=floats)


def _settings(plan: Quantisation, ctx: bench.Context) -> Settings:
    lite = tf.lite

    def adjust(converter: Any) -> None:
        converter.optimizations = [lite.Optimize.DEFAULT]
        if plan.sparse:
            converter.optimizations.append(lite.Optimize.EXPERIMENTAL_SPARSITY)
        if plan.mode == "fp16":
            converter.target_spec.supported_types = [tf.float16]
        if plan.mode == "static":
            converter.representative_dataset = representative(ctx.calibration(plan.calibrate))
            converter.target_spec.supported_ops = [_kernels(plan)]

    return adjust


def _kernels(plan: Quantisation) -> Any:
    """Return the kernels that a static file may use: what cannot be quantised is refused, not left in floats."""
    sets = tf.lite.OpsSet
    if plan.activation_bits == 8:
        return sets.TFLITE_BUILTINS_INT8
    return sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def _types(plan: Quantisation) -> dict[str, Any]:
    if plan.mode == "fp16":
        return {"weights": "float16", "activations": "float32"}
    activations = "float32" if plan.mode == "dynamic" else f"int{plan.activation_bits}"
    return {"weights": "int8", "activations": activations, **({"sparse": True} if plan.sparse else {})}
