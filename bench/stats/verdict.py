"""A ratio's interval, said in one word."""

from __future__ import annotations

from typing import Literal

from bench.stats.interval import Interval

Verdict = Literal["better", "worse", "tie"]


def verdict(interval: Interval, lower_is_better: bool = True) -> Verdict:
    """Return `better` or `worse` when the whole interval of a ratio lies on one side of 1, else `tie`.

    The ratio is candidate / baseline. `lower_is_better` holds for seconds, bytes and joules; not for accuracy. A tie
    says that no difference was shown, not that there is none: the width of the interval says how large one may hide.
    """
    if interval.high < 1:
        return "better" if lower_is_better else "worse"
    if interval.low > 1:
        return "worse" if lower_is_better else "better"
    return "tie"
