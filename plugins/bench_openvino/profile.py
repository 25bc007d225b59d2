"""What OpenVINO really ran: its own counters of some calls, layer by layer of the graph that it executes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bench

WARM = 3
CALLS = 30
ENOUGH_S = 0.3  # of calls, where each takes long
METHOD = "openvino's counters (PERF_COUNT)"
# The counters are a layer's mean time in whole microseconds, rounded down: half of one is lost in each.
LOST_S = 5e-7
NOT_RUN = "not_executed"
IDLE = frozenset({"Input", "Output", "Const"})
PRODUCTS = frozenset(
    {
        *("Convolution", "GroupConvolution", "Deconvolution", "DeformableConvolution", "BinaryConvolution"),
        *("FullyConnected", "MatMul", "GatherMatmul", "LLMMLP", "QKVProjection"),
        *("RNNCell", "RNNSeq", "LSTMCell", "LSTMSequence", "GRUCell", "GRUSequence", "AUGRUCell", "AUGRUSequence"),
        *("MHA", "ScaledDotProductAttention", "ScaledDotProductAttentionWithKVCache", "PagedAttention"),
    }
)
# Layers of the model that a fused one ("Subgraph") may hold.
PRODUCT_TYPES = frozenset({"MatMul", "Convolution", "GroupConvolution", "ScaledDotProductAttention"})
CONVERTS = frozenset({"Convert", "FakeQuantize", "Quantize", "Dequantize"})
# "boolean", "dynamic" and what is not here keep their names.
TYPES = {
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "bf16": "bfloat16",
    **{f"{sign}{bits}": f"int{bits}" for sign in "iu" for bits in (4, 8, 16, 32, 64)},
}
WORDS = re.compile(r"[,\s]+")


@dataclass(frozen=True)
class Layer:
    """One layer of the executed graph: its mean time in seconds over the calls until now, and what it computes in."""

    name: str
    kind: str
    originals: tuple[str, ...]
    computes: str
    takes: tuple[str, ...]
    gives: str
    seconds: float


def profiled(compiled: Any, feed: Mapping[Any, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Run some calls of a model compiled with PERF_COUNT and return what was executed.

    `types` is the type of each layer of the model as it was read, by name. The first calls, in which memory is set up
    and weights are arranged, are taken off the counters, which begin with them.
    """
    request = compiled.create_infer_request()
    began = time.perf_counter()
    for _ in range(WARM):
        request.infer(feed)
    calls = max(1, min(CALLS, int(WARM * ENOUGH_S / max(time.perf_counter() - began, 1e-9))))
    before = layers(compiled)
    for _ in range(calls):
        request.infer(feed)
    return bench.executed(operations(before, layers(compiled), calls, types), method=METHOD, calls=calls)


def layers(compiled: Any) -> list[Layer]:
    """Return the layers that were executed, with the mean time of each since the model was compiled."""
    found = []
    for each in compiled.get_runtime_model().get_ordered_ops():
        told = {key: _text(value) for key, value in each.get_rt_info().items()}
        if told["layerType"] in IDLE:
            continue
        spent = told.get("execTimeMcs", NOT_RUN)
        found.append(
            Layer(
                each.get_friendly_name(),
                told["layerType"],
                tuple(filter(None, WORDS.split(told.get("originalLayersNames", "")))),
                told["runtimePrecision"],
                tuple(port.get_element_type().get_type_name() for port in each.inputs()),
                told.get("outputPrecisions", "").partition(",")[0],
                0.0 if spent == NOT_RUN else float(spent) / 1e6 + LOST_S,
            )
        )
    return found


def operations(
    before: list[Layer], after: list[Layer], calls: int, types: Mapping[str, str]
) -> Iterator[bench.Operation]:
    """Yield the operators of the calls between two looks at the counters, the first one after WARM calls."""
    spent = {each.name: WARM * each.seconds for each in before}
    for each in after:
        seconds = (WARM + calls) * each.seconds - spent.get(each.name, 0.0)
        if each.seconds > 0:
            yield _operation(each, max(0.0, seconds), calls, types)


def _operation(layer: Layer, seconds: float, calls: int, types: Mapping[str, str]) -> bench.Operation:
    inside = {types.get(name, "") for name in layer.originals}
    dtype = TYPES.get(layer.computes, layer.computes)
    fused = layer.kind == "Subgraph" and inside & PRODUCT_TYPES
    if layer.kind in PRODUCTS or fused:
        weight = TYPES.get(layer.takes[1], "") if len(layer.takes) > 1 and not fused else ""
        narrower = weight if weight.startswith("int") and weight != dtype else None
        return bench.Operation(layer.kind, "product", dtype, seconds, calls, narrower)
    moves = layer.kind == "Reorder" and layer.takes and layer.takes[0] != layer.gives
    return bench.Operation(layer.kind, "convert" if layer.kind in CONVERTS or moves else "other", dtype, seconds, calls)


def _text(value: Any) -> str:
    return str(value.astype(str) if hasattr(value, "astype") else value)
