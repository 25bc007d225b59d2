"""Counters of .tflite files, all from one reading of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bench
from bench_litert.graph import Graph, TensorInfo
from bench_litert.work import Uncountable, Work, measure_work

WEIGHTS = "weights the file holds; biases counted, shapes, indices, single numbers, scales and zero points not"
FLOATS = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Analysis:
    """What a file holds and does for one inference at batch 1; `problem` says why work could not be counted."""

    stored: bench.StoredWeights
    work: tuple[Work, ...]
    problem: str | None
    unread: str | None


def count_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Count the elements of the weights; folding batch normalisation into convolutions drops some."""
    found = analyse(artifact)
    if found.unread:
        return bench.Reading.missing("count", found.unread)
    facts = {"convention": WEIGHTS, "by_dtype": dict(found.stored.by_dtype)}
    return bench.Reading.counted(found.stored.count, "count", **facts)


def count_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Count the weights whose value differs from zero; a quantised one is zero at its zero point."""
    found = analyse(artifact)
    if found.unread:
        return bench.Reading.missing("count", found.unread)
    return bench.Reading.counted(found.stored.nonzero, "count", convention=WEIGHTS)


def count_flops(artifact: bench.Artifact) -> bench.Reading:
    """Count 2 x MACs; the fact `effective` leaves out products with a zero weight."""
    found = analyse(artifact)
    if found.problem is not None:
        return bench.Reading.missing("FLOP", found.problem)
    by_operator: Counter[str] = Counter()
    for each in found.work:
        by_operator[each.operator] += 2 * each.macs
    return bench.Reading.counted(
        sum(by_operator.values()),
        "FLOP",
        convention="2 x MACs",
        batch=1,
        effective=round(sum(2 * each.macs * each.density for each in found.work)),
        by_operator=dict(by_operator),
    )


def count_bitops(artifact: bench.Artifact) -> bench.Reading:
    """Count MACs x weight bits x activation bits; floats that a hybrid kernel quantises count as its 8 bits."""
    found = analyse(artifact)
    if found.problem is not None:
        return bench.Reading.missing("count", found.problem)
    value = sum(each.macs * each.weight_bits * each.activation_bits for each in found.work)
    return bench.Reading.counted(value, "count", convention="MACs x weight bits x activation bits", batch=1)


def count_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Count the bytes of the file if each weight took the smallest of its encodings, and equal weights one."""
    found = analyse(artifact)
    if found.unread:
        return bench.Reading.missing("B", found.unread)
    return found.stored.reading(artifact.size_bytes)


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse a .tflite artifact; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, digest: str) -> Analysis:
    del digest  # part of the key: the same path may hold another file later
    graph, stored = Graph(Path(path)), bench.StoredWeights()
    unread = None
    try:
        for tensor in _weights(graph):
            stored.add(graph.values(tensor.index), bits=tensor.bits, dtype=tensor.kind)
    except ValueError as error:
        unread = str(error)
    if graph.calls:
        unread = f"weights may lie in the graphs of {', '.join(sorted(graph.calls))}"
    try:
        return Analysis(stored, () if unread else measure_work(graph, Path(path)), unread, unread)
    except (Uncountable, bench.BenchError) as reason:
        return Analysis(stored, (), str(reason), unread)


def _weights(graph: Graph) -> Iterator[TensorInfo]:
    """Yield the constants that are weights: floats, and integers with a scale; one of tensors that share a buffer.

    Raises ValueError for weights in the format's sparse encoding.
    """
    seen: set[int] = set()
    for tensor in graph.tensors:
        real = tensor.kind in FLOATS or tensor.quantised
        if not real or tensor.buffer in seen or not graph.is_constant(tensor.index) or _single(tensor):
            continue
        if tensor.sparse:
            raise ValueError("weights in the sparse encoding of the format cannot be counted")
        seen.add(tensor.buffer)
        yield tensor


def _single(tensor: TensorInfo) -> bool:
    return all(size == 1 for size in tensor.shape)
