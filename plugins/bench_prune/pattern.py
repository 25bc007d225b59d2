"""Patterns of zeros: N of every M weights of a row, and whole blocks. Pure numpy.

A weight of [out, in, height, width] is read as `out` rows; N:M groups run along the input channels, as the kernels of
sparse tensor cores take them (Mishra et al. 2021), blocks over the flattened row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import bench
from bench_prune.masks import Array, keep_best
from bench_prune.options import Scope

N_OF_M = re.compile(r"(\d{1,4}):(\d{1,4})")
BLOCK = re.compile(r"(\d{1,4})x(\d{1,4})")


@dataclass(frozen=True)
class NofM:
    """Of every `m` weights in a row, the `n` best stay."""

    n: int
    m: int

    def masks(self, scores: Mapping[str, Array], sparsity: float, scope: Scope) -> dict[str, Array]:
        """Return masks for the tensors whose rows are whole groups; the others are left out and stay dense."""
        del sparsity, scope
        return {name: self._mask(each) for name, each in scores.items() if self.fits(each.shape)}

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the input channels of a weight are a multiple of m."""
        return shape[1] % self.m == 0

    def _mask(self, scores: Array) -> Array:
        inputs_last = np.moveaxis(scores, 1, -1)
        kept = keep_best(inputs_last.reshape(-1, self.m), self.m - self.n)
        return np.ascontiguousarray(np.moveaxis(kept.reshape(inputs_last.shape), -1, 1))


@dataclass(frozen=True)
class Block:
    """Blocks of `rows` x `columns` weights stay or go as one, ranked by their mean score; at edges they are smaller."""

    rows: int
    columns: int

    def masks(self, scores: Mapping[str, Array], sparsity: float, scope: Scope) -> dict[str, Array]:
        """Return masks that take out about `sparsity` of the weights, over all tensors or (scope "layer") in each."""
        if scope == "layer":
            return {name: self._masks({name: each}, sparsity)[name] for name, each in scores.items()}
        return self._masks(scores, sparsity)

    def _masks(self, scores: Mapping[str, Array], sparsity: float) -> dict[str, Array]:
        numbers = {name: self._numbers(each.shape) for name, each in scores.items()}
        sizes = {name: np.bincount(each.ravel()) for name, each in numbers.items()}
        means = {
            name: np.bincount(numbers[name].ravel(), each.astype(np.float64).ravel()) / sizes[name]
            for name, each in scores.items()
        }
        kept = _nearest(np.concatenate([*means.values()]), np.concatenate([*sizes.values()]), sparsity)
        starts = np.cumsum([0, *(len(each) for each in sizes.values())])
        return {
            name: kept[start : start + len(sizes[name])][numbers[name]].reshape(scores[name].shape)
            for name, start in zip(scores, starts, strict=False)
        }

    def _numbers(self, shape: tuple[int, ...]) -> Array:
        """Return the number of the block that each weight of a [rows, columns] view lies in."""
        rows, columns = shape[0], int(np.prod(shape[1:]))
        across = -(-columns // self.columns)
        numbers: Array = (np.arange(rows) // self.rows)[:, None] * across + np.arange(columns) // self.columns
        return numbers


def parse(text: str) -> NofM | Block | None:
    """Return the pattern that an option names, None for "unstructured".

    Raises BenchError for anything else, and for an N that is not below M.
    """
    if text == "unstructured":
        return None
    if (match := N_OF_M.fullmatch(text)) and 0 < int(match[1]) < int(match[2]):
        return NofM(int(match[1]), int(match[2]))
    if (match := BLOCK.fullmatch(text)) and min(int(match[1]), int(match[2])) > 0:
        return Block(int(match[1]), int(match[2]))
    raise bench.BenchError(
        f"prune: pattern {text[:40]!r} is none of unstructured, N:M (2:4, N below M) and RxC (4x1)",
        cure="write pattern: '2:4' or pattern: '4x1'",
    )


def _nearest(scores: Array, sizes: Array, sparsity: float) -> Array:
    """Return which blocks stay, the lowest gone first, so that the weights gone are as near the sparsity as can be."""
    order = np.argsort(scores, kind="stable")
    gone = np.concatenate([[0], np.cumsum(sizes[order])])
    count = int(np.argmin(np.abs(gone - round(sparsity * int(sizes.sum())))))
    kept = np.ones(len(scores), bool)
    kept[order[:count]] = False
    return kept
