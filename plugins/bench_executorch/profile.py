"""What ExecuTorch really ran: its own trace (ETDump) of some calls, XNNPACK's operators by name."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bench
from bench_executorch.reading import open_program

CALLS = 20
ENOUGH_S = 0.2  # of calls, where each takes long
METHOD = "traced by executorch (ETDump)"
# XNNPACK's clock here counts whole microseconds, downwards: on average half of one is lost.
LOST_S = 5e-7
DELEGATE_CALL = "DELEGATE_CALL"
NATIVE = "native_call_"
# "Convolution (NHWC, QS8, QC8W) IGEMM #1"
KERNEL = re.compile(r"^(?P<name>[^(]+?)\s*\((?P<types>[^)]*)\)")
PRODUCTS = ("Convolution", "Deconvolution", "Fully Connected", "Batch Matrix Multiply", "Dynamic Fully Connected")
PORTABLE_PRODUCT = re.compile(r"^_?(add|b|badd)?mm|^convolution|^linear|^bmm|^matmul")
CONVERT = re.compile(r"quantize|^_?to_(copy|dim_order_copy)")
# Letters of XNNPACK's types: activations before weights.
TYPES = dict.fromkeys(("QS8", "QU8", "QD8", "QC8", "QDU8", "QP8", "QPU8"), "int8") | {
    "F32": "float32",
    "PF32": "float32",
    "F16": "float16",
    "PF16": "float16",
    "BF16": "bfloat16",
}
NARROW = {"QC4W": "int4", "QB4W": "int4", "QC8W": "int8"}


def profiled(path: Path, parts: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Run the batches some times in a traced program of its own and return what was executed."""
    opened = open_program(path, traced=True)
    began = time.perf_counter()
    for part in parts:
        opened.method(part)
    calls = max(1, min(CALLS, int(ENOUGH_S / max(time.perf_counter() - began, 1e-9))))
    for part in [each for _ in range(calls) for each in parts]:
        opened.method(part)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.etdp"
        opened.program.write_etdump_result_to_file(str(trace), str(Path(folder) / "debug.bin"))
        events = _events(trace)
    return bench.executed(operations(events, len(parts)), method=METHOD, calls=calls)


def operations(events: Iterable[tuple[str, bool, Sequence[float]]], skip: int) -> Iterator[bench.Operation]:
    """Yield the operators of a trace (name, whether delegated, seconds of each run), the first `skip` runs left out.

    What XNNPACK's operators do not account for of a call into it is an operator of its own.
    """
    inside: list[float] = []
    for name, delegated, runs in events:
        kept = list(runs)[skip:]
        if delegated:
            spent = [each + LOST_S for each in kept]
            inside = [a + b for a, b in zip(inside, spent, strict=True)] if inside else spent
            yield _kernel(name, sum(spent), len(kept))
        elif name == DELEGATE_CALL:
            rest = sum(max(0.0, whole - part) for whole, part in zip(kept, inside or [0.0] * len(kept), strict=True))
            inside = []
            yield bench.Operation("XNNPACK, between operators", "other", "unknown", rest, len(kept))
        elif name.startswith(NATIVE):
            yield _portable(name.removeprefix(NATIVE), sum(kept), len(kept))


def _kernel(name: str, seconds: float, calls: int) -> bench.Operation:
    found = KERNEL.match(name)
    if found is None:
        return bench.Operation(name.partition(" #")[0], "other", "unknown", seconds, calls)
    base, letters = found["name"], [each.strip() for each in found["types"].split(",")]
    types = [TYPES[each] for each in letters if each in TYPES]
    dtype = next(iter(types), "unknown")
    narrow = next((NARROW[each] for each in letters if each in NARROW), None)
    kind = "product" if base.startswith(PRODUCTS) else "convert" if base.startswith("Convert") else "other"
    weights = narrow if kind == "product" and narrow != dtype else None
    return bench.Operation(base, kind, dtype, seconds, calls, weights)  # type: ignore[arg-type]  # one of three words


def _portable(name: str, seconds: float, calls: int) -> bench.Operation:
    """Return an operator of the portable library, whose products have no integer form for quantised values."""
    base = name.partition(".")[0]
    if PORTABLE_PRODUCT.search(base):
        return bench.Operation(base, "product", "float32", seconds, calls)
    return bench.Operation(base, "convert" if CONVERT.search(base) else "other", "unknown", seconds, calls)


def _events(trace: Path) -> list[tuple[str, bool, list[float]]]:
    """Return name, whether delegated, and the seconds of each run, in the order of execution."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from executorch.devtools import Inspector
        from executorch.devtools.inspector import TimeScale

        found = Inspector(etdump_path=str(trace), target_time_scale=TimeScale.S)
    return [
        (each.name, bool(each.is_delegated_op), [float(run) for run in each.perf_data.raw])
        for block in found.event_blocks
        if block.name == "Execute"
        for each in block.events
        if each.perf_data is not None
    ]
