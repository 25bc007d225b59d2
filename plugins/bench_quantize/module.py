"""Quantise a torch module and export it as a .pt2 file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_quantize.export import EXAMPLE_BATCH, Inputs, write_program
from bench_quantize.options import BUDGET, RATE, Options
from bench_quantize.quiet import quiet


def quantized(model: Any, ctx: bench.Context, options: Options) -> Path:
    """Write the quantised program into ctx.workdir and return its path; `model` is left untouched.

    Inputs keep their names and types, the output is float32. The int8 modes hold operators that `import torchao`
    registers. Raises Unsupported for a model that cannot be quantised so, BenchError for contradictory options.
    """
    options.check()
    if options.reduce_range:
        raise bench.Unsupported(
            "quantize: reduce_range is for onnxruntime's x86 kernels; torch's int8 files keep 8 bits",
            cure="leave it out, or use the onnxruntime backend",
        )
    example = tensors(ctx.example(EXAMPLE_BATCH))
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        clone = trained(model, ctx, options)
        with torch.no_grad():
            clone, facts = _converted(clone, ctx, options, example)
            path = write_program(clone, example, ctx.workdir / f"{options.mode}.pt2")
    ctx.note(**{"mode": options.mode, "bits": options.noted_bits, **facts})
    share = facts.get("share_of_weights", 1.0)
    ctx.log(f"{share:.1%} of the weights became {facts['weights']}; the program has {path.stat().st_size} bytes")
    return path


def trained(model: Any, ctx: bench.Context, options: Options, *, reduced: bool = False) -> Any:
    """Return a copy of the model without gradients, after its quantisation-aware training if that is asked for.

    `reduced` trains weights for a reduced range.
    """
    clone = copy.deepcopy(model).eval().requires_grad_(False)
    if options.mode == "qat":
        from bench_quantize import qat

        qat.train(
            clone,
            ctx,
            bits=options.bits,
            per_channel=options.per_channel,
            symmetric=bool(options.symmetric),
            epochs=options.epochs,
            learning_rate=options.learning_rate or RATE,
            reduced=reduced,
        )
    return clone


def _converted(clone: Any, ctx: bench.Context, options: Options, example: Inputs) -> tuple[Any, dict[str, Any]]:
    """Quantise the copy by its mode; return it (or a graph in its place) and facts."""
    mode, shared = options.mode, {"per_channel": options.per_channel, "symmetric": options.symmetric is not False}
    if mode in ("fp16", "bf16"):
        return clone, _cast(clone, torch.float16 if mode == "fp16" else torch.bfloat16)
    if mode == "dynamic":
        from bench_quantize.dynamic import convert_dynamic

        return clone, convert_dynamic(clone, **shared)
    if mode in ("weight-only", "mixed"):
        from bench_quantize import mixed, weight_only

        if mode == "weight-only":
            return clone, weight_only.convert_weight_only(clone, bits=options.bits, group_size=options.group, **shared)
        inputs = tensors(ctx.calibration(min(options.calibrate, mixed.EXAMPLES)))
        return clone, weight_only.convert_mixed(clone, inputs, budget=options.budget or BUDGET, **shared)
    from bench_quantize.static import converted_static

    return converted_static(
        clone,
        example,
        tensors(ctx.calibration(options.calibrate)),
        method=options.method,
        per_channel=options.per_channel,
        symmetric=bool(options.symmetric),
        bits=options.bits,
        trained=mode == "qat",
    )


def _cast(clone: Any, dtype: torch.dtype) -> dict[str, Any]:
    """Store and compute in `dtype`: floats are cast on the way in and back to float32 on the way out."""

    def cast(value: Any) -> Any:
        return value.to(dtype) if torch.is_tensor(value) and value.is_floating_point() else value

    clone.to(dtype)
    clone.register_forward_pre_hook(
        lambda _, args, kwargs: (tuple(map(cast, args)), {name: cast(each) for name, each in kwargs.items()}),
        with_kwargs=True,
    )
    clone.register_forward_hook(lambda _module, _args, output: output.float())
    name = str(dtype).removeprefix("torch.")
    return {"activations": name, "weights": name}


def tensors(arrays: bench.Arrays) -> Inputs:
    """Return the arrays as tensors."""
    return {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}
