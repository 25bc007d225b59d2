"""Counters of ONNX files, all from one reading of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import onnx

import bench
from bench_onnxruntime.graph import Graph
from bench_onnxruntime.work import FLOAT_BITS, NARROW, Uncountable, Work, measure_work, packed_bits

WEIGHTS = "weights the file holds; biases counted, shapes, indices, single numbers, scales and zero points not"


@dataclass(frozen=True)
class Analysis:
    """What a file holds and does for one inference at batch 1; `problem` says why work could not be counted."""

    parameters: int
    nonzero: int
    parameters_by_dtype: Mapping[str, int]
    work: tuple[Work, ...]
    problem: str | None
    stored: bench.StoredWeights


def count_parameters(artifact: bench.Artifact) -> bench.Reading:
    """Count the elements of the weights. The exporter folds batch normalisation into convolutions, which drops some."""
    found = analyse(artifact)
    return bench.Reading.counted(
        found.parameters, "count", convention=WEIGHTS, by_dtype=dict(found.parameters_by_dtype)
    )


def count_nonzero(artifact: bench.Artifact) -> bench.Reading:
    """Count the weights whose value differs from zero; a quantised one is zero at its zero point."""
    return bench.Reading.counted(analyse(artifact).nonzero, "count", convention=WEIGHTS)


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
    """Count MACs x weight bits x activation bits, by the bits that are stored, not those computed in."""
    found = analyse(artifact)
    if found.problem is not None:
        return bench.Reading.missing("count", found.problem)
    value = sum(each.macs * each.weight_bits * each.activation_bits for each in found.work)
    return bench.Reading.counted(value, "count", convention="MACs x weight bits x activation bits", batch=1)


def count_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Count the bytes of the file if each weight took the smallest of its encodings, and equal weights one."""
    found = analyse(artifact)
    return found.stored.reading(artifact.size_bytes)


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse an ONNX artifact; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, digest: str) -> Analysis:
    del digest  # part of the key: the same path may hold another file later
    graph = Graph(Path(path))
    stored = bench.StoredWeights()
    for name, tensor in graph.weights().items():
        width = packed_bits(graph.packed[name]) if name in graph.packed else NARROW.get(tensor.data_type, FLOAT_BITS)
        kind = f"uint{width}" if name in graph.packed else _type_name(tensor.data_type)
        stored.add(graph.values(name), bits=width, dtype=kind)
    for name in graph.decoded:
        stored.add_indices(graph.values(name), index_bytes=graph.decoded.stored_bytes(name))
    work, problem = _work(graph)
    return Analysis(stored.count, stored.nonzero, stored.by_dtype, work, problem, stored)


def _type_name(data_type: int) -> str:
    return str(onnx.TensorProto.DataType.Name(data_type)).lower()


def _work(graph: Graph) -> tuple[tuple[Work, ...], str | None]:
    try:
        return measure_work(graph), None
    except Uncountable as reason:
        return (), str(reason)
