"""Static int8 for torch: PT2E with torchao's x86 quantiser."""

from __future__ import annotations

from typing import Any

import torch
from torchao.quantization.pt2e import MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationSpec
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import QuantizationConfig, X86InductorQuantizer

import bench
from bench_quantize.embedding import replace_embeddings
from bench_quantize.export import Inputs, batch_of, exported
from bench_quantize.ranges import Histogram

BATCH = 32
EPSILON = 2**-12


def converted_static(
    model: Any,
    example: Inputs,
    inputs: Inputs,
    *,
    method: str,
    per_channel: bool,
    symmetric: bool,
    bits: int = 8,
    trained: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Return the quantised graph module of `model`, calibrated on `inputs` ([n, ...] each), and facts.

    Weights of `bits` are stored as int8: PT2E has nothing narrower. Eager torch computes them in float after a
    dequantise; `torch.compile` turns them into int8 kernels. `trained` weights lie on the grid already and are met
    exactly. Raises Unsupported for models without a layer to quantise.
    """
    tables = replace_embeddings(model)
    config = _config(method, per_channel=per_channel, symmetric=symmetric, bits=bits, trained=trained)
    quantizer = X86InductorQuantizer().set_global(config)
    prepared = prepare_pt2e(exported(model, example).module(), quantizer)
    size, count = batch_of(example) or BATCH, len(next(iter(inputs.values())))
    count -= count % size if batch_of(example) else 0  # a fixed batch takes no rest
    for first in range(0, count, size):
        prepared(**{name: each[first : min(first + size, count)] for name, each in inputs.items()})
    converted = convert_pt2e(prepared)
    layers = sum(
        "dequantize_per_" in str(node.target) and node.args[0].op == "get_attr" for node in converted.graph.nodes
    )
    if not layers:
        raise bench.Unsupported(
            "quantize: PT2E found no convolution or linear layer to quantise (a .pt2 file holds operators, not layers)",
            cure="use mode: bf16, the onnxruntime backend, or name the module itself: package.module:factory",
        )
    _drop_unused(converted)
    facts = {"activations": "int8" if symmetric else "uint8", "weights": "int8", "layers": layers + tables}
    return converted, {**facts, "calibrated": count, "stored_bits": 8}


class RangeObserver(MinMaxObserver):
    """Finds an activation's range from the histogram of what it has seen, by one of `ranges`' methods."""

    def __init__(self, method: str, **options: Any) -> None:
        super().__init__(**options)
        self.method, self.seen = method, Histogram()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Count the values; return them as they are."""
        if x.numel():
            try:
                self.seen.add(x.detach().float().numpy())
            except ValueError as error:
                raise bench.Unsupported(
                    f"quantize: no {self.method} calibration of this model ({error})", cure="use method: minmax"
                ) from error
        return x

    def calculate_qparams(self) -> Any:
        """Return scale and zero point."""
        low, high = self.seen.range(self.method)
        return self._calculate_qparams(torch.tensor(low), torch.tensor(high))


def _config(method: str, *, per_channel: bool, symmetric: bool, bits: int, trained: bool) -> Any:
    observe = MinMaxObserver.with_args(eps=EPSILON)
    watch = observe if method == "minmax" else RangeObserver.with_args(method=method, eps=EPSILON)
    limit = 1 << (bits - 1)
    low, high = (-128, 127) if symmetric else (0, 255)
    activations = QuantizationSpec(
        dtype=torch.int8 if symmetric else torch.uint8,
        observer_or_fake_quant_ctr=watch,
        quant_min=low,
        quant_max=high,
        qscheme=torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine,
    )
    weights = QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=PerChannelMinMaxObserver.with_args(eps=EPSILON) if per_channel else observe,
        # Around zero evenly where fewer levels than 256 make the odd one matter, and where training chose them so.
        quant_min=1 - limit if trained or bits < 8 else -limit,
        quant_max=limit - 1,
        qscheme=torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric,
        ch_axis=0 if per_channel else None,
    )
    return QuantizationConfig(activations, activations, weights, None)


def _drop_unused(converted: Any) -> None:
    """Delete the float weights that the int8 ones replace: PT2E leaves them, and an export would store both."""
    used = {node.target for node in converted.graph.nodes if node.op == "get_attr"}
    names = [name for name, _ in (*converted.named_parameters(), *converted.named_buffers()) if name not in used]
    for name in names:
        parent, _, leaf = name.rpartition(".")
        delattr(converted.get_submodule(parent), leaf)
