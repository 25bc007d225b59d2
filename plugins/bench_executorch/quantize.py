"""Int8 for XNNPACK: PT2E with the quantiser that executorch brings, then down to a .pte file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

import bench
from bench_executorch.convert import lower
from bench_executorch.program import Source, load, quiet, reason, traced

BATCH = 32


def quantized(model: bench.Artifact, ctx: bench.Context, *, mode: str, calibrate: int, per_channel: bool) -> Path:
    """Write `ctx.workdir / "{mode}.pte"` and return its path.

    Weights are int8, symmetric; activations int8, affine, by their ranges (histograms, static) or each call's
    (dynamic). Raises Unsupported for a model without a layer to quantise.
    """
    source = load(model.path)
    config = get_symmetric_quantization_config(is_per_channel=per_channel, is_dynamic=mode == "dynamic")
    with quiet(), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        try:
            prepared = prepare_pt2e(source.program.module(), XNNPACKQuantizer().set_global(config))
            # Dynamic ranges need no examples, but the weights' own are found by a run too.
            calibrated = _calibrate(prepared, source, ctx, calibrate if mode == "static" else 1)
            converted = convert_pt2e(prepared)
        except (RuntimeError, ValueError, AssertionError, NotImplementedError) as error:
            raise bench.Unsupported(
                f"quantize: PT2E cannot quantise the program: {reason(error)}", cure="choose another backend"
            ) from error
    layers = _layers(converted)
    if not layers:
        raise bench.Unsupported(
            f"quantize: XNNPACK's quantiser found no layer to quantise in mode {mode}",
            cure="use mode: static, which takes convolutions too" if mode == "dynamic" else "choose another backend",
        )
    path = Path(ctx.workdir) / f"{mode}.pte"
    facts = lower(traced(converted, source), tuple(each.name for each in source.inputs), path)
    ctx.note(mode=mode, bits=8, activations="int8", weights="int8", layers=layers, **facts)
    if mode == "static":
        ctx.note(calibrated=calibrated)
    ctx.log(f"{layers} layers became int8; the program has {path.stat().st_size} bytes")
    return path


def _calibrate(prepared: Any, source: Source, ctx: bench.Context, wanted: int) -> int:
    """Run the calibration examples through the observers; a fixed batch takes no rest."""
    fixed = source.inputs[0].shape[0]
    arrays = ctx.calibration(max(wanted, fixed or 1))
    size, count = fixed or BATCH, len(next(iter(arrays.values())))
    count -= count % size if fixed else 0
    for first in range(0, count, size):
        chosen = slice(first, min(first + size, count))
        positional, keywords = source.arguments({name: each[chosen] for name, each in arrays.items()})
        prepared(*positional, **keywords)
    return count


def _layers(converted: Any) -> int:
    """Count the weights that are stored as integers: what is dequantised straight from the state."""
    return sum(
        "dequantize_per_" in str(node.target) and node.args[0].op == "get_attr" for node in converted.graph.nodes
    )
