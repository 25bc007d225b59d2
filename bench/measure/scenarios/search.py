"""The highest rate that is served within a bound: found by trying rates, each once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

FIRST_STEP = 1.25


@dataclass(frozen=True)
class Found:
    """The highest rate that passed and the lowest above it that did not; None where no rate tried was of that kind."""

    passed: float | None
    failed: float | None
    tried: tuple[tuple[float, bool], ...]


def highest_rate(
    passes: Callable[[float], bool],
    start: float,
    *,
    within: tuple[float, float],
    resolution: float,
    most: int,
    step: float = FIRST_STEP,
) -> Found:
    """Return the bracket of the highest rate that `passes`, at most `most` tries from `start`, all `within` bounds.

    Steps by a factor, which is squared each time, lead to a rate that passes and one that does not; halving the way
    between them narrows them to 1 + `resolution`. A higher rate is taken to be harder than a lower one. Where the
    lowest rate fails none passed, and where the highest passes none failed.
    """
    lowest, highest = within
    if not (0 < lowest <= highest < math.inf and math.isfinite(start) and start > 0 and resolution > 0 and step > 1):
        raise ValueError(f"expected rates and a resolution above 0, not {within!r}, {start!r} and {resolution!r}")
    passed: float | None = None
    failed: float | None = None
    tried: list[tuple[float, bool]] = []
    rate = min(max(start, lowest), highest)
    while len(tried) < most:
        fine = passes(rate)
        tried.append((rate, fine))
        passed, failed = (rate, failed) if fine else (passed, rate)
        if passed is not None and failed is not None:
            if failed / passed <= 1 + resolution:
                break
            rate = math.sqrt(passed * failed)
            continue
        if rate == (highest if fine else lowest):
            break
        rate = min(max(rate * step if fine else rate / step, lowest), highest)
        step *= step
    return Found(passed, failed, tuple(tried))
