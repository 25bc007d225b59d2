"""Who is on the front: points compared two by two, and the median of several tasks' drops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bench.stats import Interval

RESAMPLES = 2000
Outcomes = np.ndarray[tuple[int], np.dtype[np.float64]]
# How much worse (more bytes, longer, less right) one is than another, measure by measure, each with its interval.
Worse = Callable[[str, str], Sequence[Interval]]


def exact(value: float) -> Interval:
    """Return a number without doubt as an interval."""
    return Interval(value, value, value, 0.95, 1, "exact")


def dominates(worse: Iterable[Interval]) -> bool:
    """Whether something is better in a measure and worse in none, going by `worse`: how much worse it is in each.

    Only what lies beyond an interval counts, for and against: a tie in quality is no excuse for more bytes.
    """
    measures = list(worse)
    return any(each.high < 0 for each in measures) and not any(each.low > 0 for each in measures)


def front(names: Sequence[str], worse: Worse) -> dict[str, list[str]]:
    """Return who dominates each; those that nobody dominates are the front."""
    return {name: [other for other in names if other != name and dominates(worse(other, name))] for name in names}


def median_drop(pairs: Mapping[str, tuple[Outcomes, Outcomes]], seed: int = 0, level: float = 0.95) -> Interval:
    """Return the median over tasks of mean(before) - mean(after), resampling every task's examples, not the tasks."""
    rng = np.random.default_rng(seed)
    drops = [np.asarray(before, np.float64) - np.asarray(after, np.float64) for before, after in pairs.values()]
    means = np.array([[each[rng.integers(0, each.size, each.size)].mean() for _ in range(RESAMPLES)] for each in drops])
    low, high = np.quantile(np.median(means, axis=0), [(1 - level) / 2, (1 + level) / 2])
    value = float(np.median([each.mean() for each in drops]))
    count = min(each.size for each in drops)
    return Interval(value, min(float(low), value), max(float(high), value), level, count, "bootstrap")
