"""What a runtime really ran: operators, the types they computed in, and where the time of a call went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench import shapes

Kind = Literal["product", "convert", "other"]
LISTED = 12  # operators named in a record; the others' share is summed


@dataclass(frozen=True)
class Operation:
    """Calls of one operator in one type: `seconds` and `calls` are those of every call that was profiled.

    `kind` is "product" for what multiplies weights or activations (matrix products, convolutions, attention),
    "convert" for quantising, dequantising and casts, else "other". `dtype` is the type that is computed in, as numpy
    calls it ("int8" also for unsigned ones); `weights` the type of the weights where the operator takes them narrower
    than it computes ("int4", say; "packed" where it is not known). `sparse` says that zeros are skipped.
    """

    name: str
    kind: Kind
    dtype: str
    seconds: float
    calls: int = 1
    weights: str | None = None
    sparse: bool = False


def executed(operations: Iterable[Operation], *, method: str, calls: int) -> dict[str, Any]:
    """Return what a record says was executed, from `calls` profiled calls of a session. Raises ValueError for no time.

    Shares are of the operators' time: a profiler slows small operators down, so they rank work and are no latency.
    """
    merged: dict[tuple[str, str, str, str | None, bool], list[float]] = {}
    for each in operations:
        key = (each.name, each.kind, each.dtype, each.weights, each.sparse)
        parts = merged.setdefault(key, [0.0, 0])
        parts[0] += each.seconds
        parts[1] += each.calls
    total = math.fsum(seconds for seconds, _ in merged.values())
    if not total > 0 or calls < 1:
        raise ValueError("the profiler saw no operator")
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": kind,
            "dtype": dtype,
            **({"weights": weights} if weights else {}),
            **({"sparse": True} if sparse else {}),
            "calls": round(count / calls, 2),
            "share": round(seconds / total, 4),
        }
        for (name, kind, dtype, weights, sparse), (seconds, count) in merged.items()
    ]
    rows.sort(key=lambda row: (-row["share"], row["name"]))
    return {
        "method": method,
        "calls": calls,
        "seconds": total / calls,
        "products": _products(merged, total),
        "product_share": _share(merged, total, "product"),
        "convert_share": _share(merged, total, "convert"),
        "dequantise_share": round(
            math.fsum(parts[0] for key, parts in merged.items() if "dequant" in key[0].lower()) / total, 4
        ),
        "operators": rows[:LISTED],
        **({"further_operators": len(rows) - LISTED} if len(rows) > LISTED else {}),
    }


def check_executed(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a backend says it executed. Raises ValueError where the record could not hold or judge it."""
    if not shapes.NUMBERS[0](data.get("products", {})):
        raise ValueError("'products' of what was executed must be numbers by type")
    for name in ("product_share", "convert_share", "dequantise_share"):
        value = data.get(name)
        if value is not None and not (shapes.is_number(value) and 0 <= value <= 1):
            raise ValueError(f"'{name}' of what was executed must be a share from 0 to 1, not {value!r:.40}")
    if not shapes.listing(shapes.is_mapping)(data.get("operators", [])):
        raise ValueError("'operators' of what was executed must be a list of mappings")
    return data


def _products(merged: Mapping[Any, list[float]], total: float) -> dict[str, float]:
    """Return each type's share of the products' time; "int4 weights" stands for what computes on packed weights."""
    found: dict[str, float] = {}
    for (_, kind, dtype, weights, sparse), (seconds, _) in merged.items():
        if kind == "product":
            name = f"{dtype} on {weights} weights" if weights else dtype
            name = f"{name}, sparse" if sparse else name
            found[name] = found.get(name, 0.0) + seconds
    whole = math.fsum(found.values()) or total
    return {name: round(seconds / whole, 4) for name, seconds in sorted(found.items())}


def _share(merged: Mapping[Any, list[float]], total: float, kind: str) -> float:
    return round(math.fsum(seconds for (_, own, *_), (seconds, _) in merged.items() if own == kind) / total, 4)
