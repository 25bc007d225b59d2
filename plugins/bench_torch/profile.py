"""What torch really ran: its profiler's view of some calls, operator by operator."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import bench

CALLS = 3
ENOUGH_S = 0.2  # of calls, where each takes long
# Types as the profiler writes them; what is not here keeps its name.
NAMES = {
    "float": "float32",
    "double": "float64",
    "c10::Half": "float16",
    "c10::BFloat16": "bfloat16",
    "signed char": "int8",
    "unsigned char": "int8",
    "int": "int32",
    "long": "int64",
    "long int": "int64",
}
PRODUCT = re.compile(
    r"(^|_)q?(mm|addmm|bmm|baddbmm|mv|dot|linear|conv\dd|convolution|matmul|attention|lstm|gru|rnn|einsum)(_|\d|$)"
    r"|int\d?(pack|packed)?_mm|qlinear|qconv"
)
CONVERT = re.compile(r"quantize|^_?to(_copy|_dtype)?$|choose_qparams")
SPARSE = re.compile(r"^_?embedding_bag|sparse|csr")
INTEGERS = re.compile(r"(^|_)(qlinear|qconv|int_mm)")
INT = ("int4", "int8")
# A card has instructions for halves, whatever its processor lacks.
ON_CARD: ContextVar[bool] = ContextVar("on_card", default=False)
HALVES = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}


def profiled(call: Callable[[], Any], *, on_card: bool = False) -> dict[str, Any]:
    """Run a call some times under torch's profiler and return what was executed; operators inside others are theirs.

    On a card the seconds are those of submitting an operator, not of computing it; the types are as computed.
    """
    from torch.autograd.profiler import profile

    began = time.perf_counter()
    call()
    calls = max(1, min(CALLS, int(ENOUGH_S / max(time.perf_counter() - began, 1e-9))))
    with _hushed():
        recorder = profile(record_shapes=True, use_kineto=True)
        with recorder:
            for _ in range(calls):
                call()
    events = sorted(recorder.kineto_results.events(), key=lambda each: (each.start_ns(), -each.end_ns()))
    before = ON_CARD.set(on_card)
    try:
        return bench.executed(_operations(events), method="torch's profiler", calls=calls)
    finally:
        ON_CARD.reset(before)


def _operations(events: Sequence[Any]) -> Iterator[bench.Operation]:
    """Yield the outermost operators; a product's type is that of the innermost product in it."""
    index = 0
    while index < len(events):
        inner = [events[index]]
        index += 1
        while index < len(events) and events[index].end_ns() <= inner[0].end_ns():
            inner.append(events[index])
            index += 1
        yield from _parts(inner)


def _parts(events: Sequence[Any]) -> Iterator[bench.Operation]:
    """Yield one operator with all that runs in it, or those in it where it only wraps them."""
    outer = events[0]
    products = [each for each in events if _is_product(each)]
    if not products and not _base(outer) and len(events) > 1:  # compiled code as a whole, with extern kernels in it
        yield bench.Operation(outer.name(), "other", "fused", outer.duration_ns() / 1e9)
        return
    if products and not _is_product(outer):
        spent = sum(each.duration_ns() for each in _outermost(products))
        yield bench.Operation(outer.name(), "other", "fused", max(outer.duration_ns() - spent, 0) / 1e9)
        for each in _outermost(products):
            yield _operation(each, [own for own in products if own.end_ns() <= each.end_ns()])
        return
    yield _operation(outer, products or [outer])


def _outermost(events: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for each in events:
        if not found or each.start_ns() >= found[-1].end_ns():
            found.append(each)
    return found


def _operation(event: Any, inner: Sequence[Any]) -> bench.Operation:
    name, types = _base(event) or event.name(), [NAMES.get(each, each) for each in inner[-1].dtypes()]
    tensors = [each for each, shape in zip(types, inner[-1].shapes(), strict=False) if shape and each]
    computes, weights = _types(name, tensors) if _is_product(event) else (next(iter(tensors), "unknown"), None)
    sparse = SPARSE.search(name) is not None
    multiplies = _is_product(event) or (sparse and _weighted(types))
    kind = "product" if multiplies else "convert" if CONVERT.search(name) else "other"
    return bench.Operation(
        name=name,
        kind=kind,  # type: ignore[arg-type]  # one of three words
        dtype=computes,
        seconds=event.duration_ns() / 1e9,
        weights=weights if kind == "product" else None,
        sparse=sparse and kind == "product",
    )


def _types(name: str, tensors: Sequence[str]) -> tuple[str, str | None]:
    """Return the type computed in, and that of the weights where they come in narrower."""
    if INTEGERS.search(name):
        return "int8", None
    floats = [_computed(each) for each in tensors if each.startswith(("float", "bfloat"))]
    if floats and any(each in INT for each in tensors):
        return floats[0], next(each for each in tensors if each in INT)
    return next(iter(floats or tensors), "unknown"), None


def _computed(dtype: str) -> str:
    """Return the type that products of a type are computed in: a processor without instructions for it widens each."""
    return "float32" if dtype in HALVES and not ON_CARD.get() and not _has_instructions(dtype) else dtype


@lru_cache(maxsize=4)
def _has_instructions(dtype: str) -> bool:
    """Whether torch's kernels have instructions for products of a half precision on this processor (oneDNN's test)."""
    known = getattr(torch.ops.mkldnn, HALVES[dtype], None)
    return known is None or bool(known())


def _is_product(event: Any) -> bool:
    return PRODUCT.search(_base(event)) is not None and "quantize" not in _base(event)


def _weighted(types: Sequence[str]) -> bool:
    """Whether an embedding_bag multiplies: it then takes weights of its entries beside the table."""
    return sum(each.startswith("float") for each in types) > 1


def _base(event: Any) -> str:
    """Return an operator's name without its namespace; empty for what is no operator."""
    return str(event.name()).rpartition("::")[2] if "::" in event.name() else ""


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the profiler's notes off the terminal: it writes them past Python."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
