"""Ranks as ranges: two rows share a rank as long as their intervals overlap."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from bench.publish.format import TO, Figure


def rank_ranges(figures: Sequence[Figure]) -> list[tuple[int, int]]:
    """Return (best, worst) rank of each figure, 1 being the lowest value; in the order given.

    Best = 1 + how many rows lie wholly below; worst = how many do not lie wholly above. A figure without an interval
    may lie anywhere, and so may have any rank. Runs in O(n log n).
    """
    lows = [-math.inf if each.low is None else each.low for each in figures]
    highs = [math.inf if each.high is None else each.high for each in figures]
    lows_sorted, highs_sorted = sorted(lows), sorted(highs)
    return [
        (1 + bisect_left(highs_sorted, low), bisect_right(lows_sorted, high))
        for low, high in zip(lows, highs, strict=True)
    ]


def rank_text(best: int, worst: int) -> str:
    """Return a rank range as text: "2", or "1" to "3" joined by an en dash."""
    return str(best) if best == worst else f"{best}{TO}{worst}"


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points that none beats, cheapest first; points are (cost, gain), ties keep the first.

    A point is beaten when another costs no more and gains no less, and differs in at least one of the two.
    """
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    kept: list[int] = []
    for index in order:
        if not kept or points[index][1] > points[kept[-1]][1]:
            kept.append(index)
    return kept
