"""One look at a program for all its counters: loading and running it once is most of their cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

import bench
from bench_torch.decoded import decoded_weights
from bench_torch.flat import flatten
from bench_torch.program import inputs_of, load_program
from bench_torch.weights import numbers, stored_bits, weight_names, weights_of
from bench_torch.work import Work, measure_work


@dataclass(frozen=True)
class Analysis:
    """What a program holds and does for one inference at batch 1; `problem` says why work could not be counted."""

    parameters: int
    nonzero: int
    parameters_by_dtype: Mapping[str, int]
    work: tuple[Work, ...]
    problem: str | None
    stored: bench.StoredWeights


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse a .pt2 artifact; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, digest: str) -> Analysis:
    del digest  # part of the key: the same path may hold another file later
    program = load_program(Path(path))
    graph, state = flatten(program)
    decoded = decoded_weights(graph, state)
    inside = frozenset().union(*(each.parts for each in decoded.values()))
    stored = bench.StoredWeights()
    with torch.no_grad():
        for tensor, real in weights_of(graph, state, weight_names(program, state) - inside):
            stored.add(numbers(real, tensor), bits=stored_bits(tensor), dtype=str(tensor.dtype).removeprefix("torch."))
        for each in decoded.values():
            stored.add_indices(each.values.numpy(), index_bytes=each.stored_bytes)
    bits = {name: each.stored_bits for name, each in decoded.items()}
    work, problem = measure_work(graph, state, inputs_of(program), bits)
    return Analysis(stored.count, stored.nonzero, stored.by_dtype, work, problem, stored)
