"""When how much is pruned."""

from __future__ import annotations

# The sparsity is reached at this fraction of the fine-tuning steps; the rest recovers at full sparsity.
RAMP = 0.75


def polynomial(step: int, end: int, final: float, initial: float = 0.0) -> float:
    """Return the sparsity at a step: final + (initial - final) * (1 - step / end)^3 (Zhu and Gupta 2017, eq. 1).

    >>> [polynomial(step, 4, 0.8) for step in (0, 2, 4, 9)]
    [0.0, 0.7, 0.8, 0.8]
    """
    left = 1 - min(max(step / end, 0.0), 1.0) if end > 0 else 0.0
    return final + (initial - final) * left**3


def pruning_steps(total: int, events: int) -> tuple[int, ...]:
    """Return the 1-based optimiser steps at which the masks are renewed: `events` of them, evenly spaced.

    The last one lies at RAMP of `total`; fewer when there are fewer steps than events.

    >>> pruning_steps(100, 3)
    (25, 50, 75)
    """
    end = max(1, round(RAMP * total))
    return tuple(sorted({max(1, round(end * (each + 1) / events)) for each in range(events)}))
