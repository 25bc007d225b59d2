"""One look at a program for all its counters: loading and running it once is most of their cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

import bench
from bench_torch.flat import flatten
from bench_torch.program import inputs_of, load_program
from bench_torch.weights import weight_names, weights_of
from bench_torch.work import Work, measure_work


@dataclass(frozen=True)
class Analysis:
    """What a program holds and does for one inference at batch 1; `problem` says why work could not be counted."""

    parameters: int
    nonzero: int
    parameters_by_dtype: Mapping[str, int]
    work: tuple[Work, ...]
    problem: str | None


def analyse(artifact: bench.Artifact) -> Analysis:
    """Analyse a .pt2 artifact; the same content is looked at once in a process."""
    return _analyse(str(artifact.path), artifact.digest)


@lru_cache(maxsize=8)
def _analyse(path: str, digest: str) -> Analysis:
    del digest  # part of the key: the same path may hold another file later
    program = load_program(Path(path))
    graph, state = flatten(program)
    sizes: Counter[str] = Counter()
    nonzero = 0
    with torch.no_grad():
        for stored, real in weights_of(graph, state, weight_names(program, state)):
            sizes[str(stored.dtype).removeprefix("torch.")] += stored.numel()
            nonzero += int(torch.count_nonzero(real))
    work, problem = measure_work(graph, state, inputs_of(program))
    return Analysis(sum(sizes.values()), nonzero, sizes, work, problem)
