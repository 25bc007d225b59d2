"""Quantise a torch module and export it as a .pt2 file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bench
from bench_quantize.export import Inputs, write_program
from bench_quantize.quiet import quiet


def quantized(
    model: Any,
    ctx: bench.Context,
    *,
    mode: str,
    bits: int,
    calibrate: int,
    method: str,
    per_channel: bool,
    symmetric: bool | None,
) -> Path:
    """Write the quantised program into ctx.workdir and return its path; `model` is left untouched.

    Inputs keep their names and types, the output is float32. The int8 modes hold operators that `import torchao`
    registers. Raises Unsupported for a model that cannot be quantised so.
    """
    example = _tensors(ctx.example(2))
    clone = copy.deepcopy(model).eval().requires_grad_(False)
    with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(ctx.seed)
        if mode in ("fp16", "bf16"):
            facts = _cast(clone, torch.float16 if mode == "fp16" else torch.bfloat16)
        elif mode == "dynamic":
            from bench_quantize.dynamic import convert_dynamic

            facts = convert_dynamic(clone, per_channel=per_channel, symmetric=symmetric is not False)
        else:
            from bench_quantize.static import converted_static

            inputs = _tensors(ctx.calibration(calibrate))
            clone, facts = converted_static(
                clone, example, inputs, method=method, per_channel=per_channel, symmetric=bool(symmetric)
            )
        path = write_program(clone, example, ctx.workdir / f"{mode}.pt2")
    ctx.note(mode=mode, bits=16 if mode in ("fp16", "bf16") else bits, **facts)
    share = facts.get("share_of_weights", 1.0)
    ctx.log(f"{share:.1%} of the weights became {facts['weights']}; the program has {path.stat().st_size} bytes")
    return path


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


def _tensors(arrays: bench.Arrays) -> Inputs:
    return {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}
