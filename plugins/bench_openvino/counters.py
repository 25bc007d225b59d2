"""Counters of IR, all from one reading of the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bench
from bench_openvino.graph import Uncountable, Work, opened, products, weights

WEIGHTS = "weights the file holds; biases counted, shapes, indices, single numbers, scales and zero points not"


@dataclass(frozen=True)
class Analysis:
    """What a model holds and does for one inference at batch 1; the other two say why something was not counted."""

    stored: bench.StoredWeights
    work: tuple[Work, ...]
    unread: str | None
    problem: str | None


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
    if found.problem:
        return bench.Reading.missing("FLOP", found.problem)
    by_operator: Counter[str] = Counter()
    for each in found.work:
        by_operator[each.operator] += 2 * each.macs
    effective = round(sum(2 * each.macs * each.density for each in found.work))
    facts = {"convention": "2 x MACs", "batch": 1, "effective": effective, "by_operator": dict(by_operator)}
    return bench.Reading.counted(sum(by_operator.values()), "FLOP", **facts)


def count_bitops(artifact: bench.Artifact) -> bench.Reading:
    """Count MACs x weight bits x activation bits, those of an activation as its quantiser leaves it."""
    found = analyse(artifact)
    if found.problem:
        return bench.Reading.missing("count", found.problem)
    value = sum(each.macs * each.weight_bits * each.activation_bits for each in found.work)
    return bench.Reading.counted(value, "count", convention="MACs x weight bits x activation bits", batch=1)


def count_encoded(artifact: bench.Artifact) -> bench.Reading:
    """Count the bytes of the files if each weight took the smallest of its encodings, and equal weights one."""
    found = analyse(artifact)
    return bench.Reading.missing("B", found.unread) if found.unread else found.stored.reading(artifact.size_bytes)


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse an IR; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, digest: str) -> Analysis:
    model, stored = opened(Path(path), digest), bench.StoredWeights()
    try:
        for each in weights(model):
            stored.add(each.values, bits=each.bits, dtype=each.kind)
    except Uncountable as reason:
        return Analysis(stored, (), str(reason), str(reason))
    try:
        return Analysis(stored, tuple(products(model)), None, None)
    except Uncountable as reason:
        return Analysis(stored, (), None, str(reason))
