"""bench-baseline.json: the exact metrics and packed outcomes of a suite, small enough to be reviewed in a diff."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.gate.facts import CellFacts, Outcomes
from bench.reading import Reading

SCHEMA = "bench.baseline/1"
FILE = "bench-baseline.json"
MOST_EXAMPLES = 10_000_000
UNITS = {"size": "B", "size_compressed": "B", "parameters": "count", "nonzero": "count"}
UNITS |= {"flops": "FLOP", "bitops": "count"}
TEXTS = ("name", "artifact", "format", "task", "runtime", "machine")


def to_text(suite: str, cells: Iterable[CellFacts]) -> str:
    """Return the file's text: sorted, one cell a block, the same for the same facts."""
    blocks = {each.id: _block(each) for each in cells}
    data = {"schema": SCHEMA, "suite": suite, "cells": blocks}
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def from_text(text: str, file: str) -> tuple[str, dict[str, CellFacts]]:
    """Return the suite's name and the cells by id. Raises BenchError naming the file and what is wrong with it."""
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            raise BenchError(f"{file}: expected the schema {SCHEMA}, not {str(data['schema'])[:40]!r}")
        return str(data["suite"]), {str(key): _facts(str(key), each) for key, each in data["cells"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, zlib.error) as error:
        cure = "write it again: bench gate SUITE --update"
        raise BenchError(
            f"{file} is no baseline file: {type(error).__name__}: {str(error)[:200]}", cure=cure
        ) from error


def rounded(outcomes: Outcomes) -> Outcomes:
    """Return outcomes as precise as they are kept, so that what did not change compares equal."""
    return np.asarray(outcomes, dtype="<f4").astype(np.float64)


def pack(outcomes: Outcomes) -> dict[str, Any]:
    """Return outcomes as JSON: a bit an example where each is 0 or 1, else float32 after deflate; base64."""
    values = np.asarray(outcomes, dtype=np.float64)
    if ((values == 0) | (values == 1)).all():
        return {"n": len(values), "bits": _encode(np.packbits(values.astype(bool)).tobytes())}
    return {"n": len(values), "floats": _encode(zlib.compress(values.astype("<f4").tobytes(), 9))}


def unpack(data: Mapping[str, Any]) -> Outcomes:
    """Return outcomes, float64[n]. Raises ValueError for what is damaged."""
    n = int(data["n"])
    if not 0 <= n <= MOST_EXAMPLES:
        raise ValueError(f"{n} examples cannot be")
    if "bits" in data:
        bits = np.unpackbits(np.frombuffer(_decode(data["bits"]), dtype=np.uint8))
        if not n <= len(bits) < n + 8:
            raise ValueError(f"the outcomes hold {len(bits)} bits for {n} examples")
        return bits[:n].astype(np.float64)
    inflated = zlib.decompressobj().decompress(_decode(data["floats"]), 4 * n + 1)
    if len(inflated) != 4 * n:
        raise ValueError(f"the outcomes hold {len(inflated)} bytes for {n} examples")
    values = np.frombuffer(inflated, dtype="<f4").astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the outcomes hold what is no finite number")
    return values


def _block(facts: CellFacts) -> dict[str, Any]:
    known = {name: each.value for name, each in facts.counts.items() if each.value is not None and name in UNITS}
    counts = {name: int(value) if value == int(value) else value for name, value in known.items()}
    block: dict[str, Any] = {name: getattr(facts, name) for name in TEXTS}
    block["counts"] = counts
    if facts.outputs:
        block["outputs"] = sorted(facts.outputs)
    if facts.outcomes is not None:
        block |= {"metric": dict(facts.metric), "quality": float(np.mean(facts.outcomes))}
        block["outcomes"] = pack(facts.outcomes)
    return block


def _facts(cell: str, data: Mapping[str, Any]) -> CellFacts:
    counts = {str(k): Reading.counted(float(v), UNITS[str(k)]) for k, v in data["counts"].items()}
    outcomes = unpack(data["outcomes"]) if "outcomes" in data else None
    texts = {name: str(data[name]) for name in TEXTS}
    outputs = tuple(str(each) for each in data.get("outputs", ()))
    metric = dict(data.get("metric", {}))
    return CellFacts(cell, **texts, counts=counts, outcomes=outcomes, outputs=outputs, metric=metric)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"outcomes are no base64: {error}") from error
