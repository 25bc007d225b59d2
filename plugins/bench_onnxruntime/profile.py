"""What ONNX Runtime really ran: its own profile of some calls, operator by operator."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import bench

CALLS = 5
ENOUGH_S = 0.2  # of calls, where each takes long
# Types as the profile writes them; what is not here keeps its name.
NAMES = {"float": "float32", "double": "float64", "uint8": "int8", "uint16": "int16"}
PRODUCTS = frozenset(
    {
        *("Conv", "ConvTranspose", "FusedConv", "ConvInteger", "QLinearConv", "NhwcFusedConv", "QLinearConvTranspose"),
        *("Gemm", "FusedGemm", "QGemm", "MatMul", "FusedMatMul", "TransposeMatMul", "MatMulInteger"),
        *("MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "MatMulNBits", "MatMulBnb4", "Einsum"),
        *("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"),
        *("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"),
    }
)
CONVERTS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast"})
# These take floats and multiply integers inside.
INSIDE = dict.fromkeys(("DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention"), "int8")
PACKED = frozenset({"MatMulNBits", "MatMulBnb4"})


def profiled(
    open_with: Callable[[Any], Any], options: Any, feed: Mapping[str, Any], packed: Callable[[], str]
) -> dict[str, Any]:
    """Run some calls in a session of its own that keeps a profile; return what was executed.

    `packed` tells the type of the weights that MatMulNBits takes. The first call, in which memory is set up, is left
    out.
    """
    with tempfile.TemporaryDirectory() as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = open_with(options)
        began = time.perf_counter()
        session.run(None, dict(feed))
        calls = max(1, min(CALLS, int(ENOUGH_S / max(time.perf_counter() - began, 1e-9))))
        for _ in range(calls):
            session.run(None, dict(feed))
        events = json.loads(Path(session.end_profiling()).read_text())
    has_packed = any(each.get("args", {}).get("op_name") in PACKED for each in events)
    found = _operations(events, calls, packed() if has_packed else "")
    return bench.executed(found, method="onnxruntime's profile", calls=calls)


def _operations(events: list[Mapping[str, Any]], calls: int, packed: str) -> Iterator[bench.Operation]:
    runs = sorted(each["ts"] for each in events if each.get("name") == "model_run")
    begin = runs[1] if len(runs) > calls else 0  # a run's event carries the time at which it began
    for each in events:
        if each.get("cat") == "Node" and each["name"].endswith("_kernel_time") and each["ts"] >= begin:
            yield _operation(each, packed)


def _operation(event: Mapping[str, Any], packed: str) -> bench.Operation:
    name, arguments = event["args"]["op_name"], event["args"]
    taken = [kind for shape in arguments.get("input_type_shape", []) for kind in shape]
    given = [kind for shape in arguments.get("output_type_shape", []) for kind in shape]
    found = INSIDE.get(name) or next(iter(taken or given), "unknown")
    return bench.Operation(
        name=name,
        kind="product" if name in PRODUCTS else "convert" if name in CONVERTS else "other",
        dtype=NAMES.get(found, found),
        seconds=event["dur"] / 1e6,
        weights=packed if name in PACKED else None,
    )
