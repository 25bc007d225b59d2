"""When how much is pruned."""

from __future__ import annotations

from bench_prune.options import Options, Schedule

# Without a say, the sparsity is reached at this fraction of the fine-tuning steps; the rest recovers.
RAMP = 0.75
AGP_FREQUENCY = 10


def polynomial(step: float, end: float, final: float, initial: float = 0.0) -> float:
    """Return the sparsity at a step: final + (initial - final) * (1 - step / end)^3 (Zhu and Gupta 2017, eq. 1).

    >>> [polynomial(step, 4, 0.8) for step in (0, 2, 4, 9)]
    [0.0, 0.7, 0.8, 0.8]
    """
    left = 1 - min(max(step / end, 0.0), 1.0) if end > 0 else 0.0
    return final + (initial - final) * left**3


def linear(progress: float, final: float, initial: float = 0.0) -> float:
    """Return the sparsity after a fraction of the rise, in a straight line.

    >>> linear(0.5, 0.8)
    0.4
    """
    return initial + (final - initial) * min(max(progress, 0.0), 1.0)


def geometric(progress: float, final: float, initial: float = 0.0) -> float:
    """Return the sparsity when each rise takes the same fraction of what is left (Han et al. 2015, Frankle 2019).

    >>> round(geometric(0.5, 0.75), 6)
    0.5
    """
    left = min(max(progress, 0.0), 1.0)
    return final if left == 1 else 1 - (1 - initial) * ((1 - final) / (1 - initial)) ** left


def sparsity_at(kind: Schedule, progress: float, final: float, initial: float = 0.0) -> float:
    """Return the sparsity of a schedule after a fraction of its rise."""
    if kind == "gradual":
        return linear(progress, final, initial)
    if kind == "iterative":
        return geometric(progress, final, initial)
    return polynomial(progress, 1.0, final, initial)


def pruning_steps(total: int, events: int, *, begin: float = 0.0, end: float = RAMP) -> tuple[int, ...]:
    """Return the 1-based optimiser steps at which the masks are renewed: `events` of them, evenly spaced.

    They lie after `begin` and up to `end`, fractions of `total`; fewer when there are fewer steps than events.

    >>> pruning_steps(100, 3)
    (25, 50, 75)
    >>> pruning_steps(100, 2, begin=0.2, end=0.6)
    (40, 60)
    """
    first, last = round(begin * total), max(1, round(end * total))
    return tuple(sorted({max(1, round(first + (last - first) * (each + 1) / events)) for each in range(events)}))


def agp_steps(total: int, frequency: int, *, begin: float = 0.0, end: float = RAMP) -> tuple[int, ...]:
    """Return the 1-based optimiser steps of automated gradual pruning: every `frequency` steps, and the last one.

    >>> agp_steps(100, 20, begin=0.1, end=0.6)
    (30, 50, 60)
    """
    first, last = round(begin * total), max(1, round(end * total))
    return tuple(sorted({*range(first + frequency, last, frequency), last}))


def rises(options: Options, total: int) -> dict[int, float]:
    """Return the sparsity to reach at each optimiser step where the masks are renewed; the last is the target."""
    span = {"begin": options.begin, "end": options.end}
    if options.schedule == "agp":
        moments = agp_steps(total, options.frequency or AGP_FREQUENCY, **span)
    else:
        moments = pruning_steps(total, options.steps, **span)
    first, last = round(options.begin * total), moments[-1]
    start, goal = options.initial_sparsity, options.target
    reached = {max(1, first): start} if start else {}
    for each in moments:
        progress = (each - first) / max(1, last - first)
        reached[each] = sparsity_at(options.schedule, progress, goal, start)
    return {**reached, last: goal}
