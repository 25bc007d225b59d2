"""Differences of a counter that wraps: right, or no value at all."""

from __future__ import annotations

import math

# Above this share of the limit a power is no power: the counter was reset or misread.
TOLERANCE = 1.2
# A guard read at half the time in which the counter can go round once.
GUARD_SHARE = 0.5


class InvalidWindow(Exception):
    """This window has no value; the message says why."""


def guard_interval_s(wrap_j: float | None, limit_w: float) -> float:
    """Return the longest time between two reads that still tells how often the counter wrapped; infinite without."""
    return math.inf if wrap_j is None else GUARD_SHARE * wrap_j / (TOLERANCE * limit_w)


def difference_j(before_j: float, after_j: float, *, wrap_j: float | None, limit_w: float, elapsed_s: float) -> float:
    """Return the joules between two reads of one counter, modulo its range.

    `elapsed_s` is the longest time that can lie between the two values. Raises InvalidWindow when no energy, or more
    than one, fits a power between 0 and 1.2 times the limit: a reset, a misread, or too long without a guard read.
    """
    most_j = TOLERANCE * limit_w * elapsed_s
    if wrap_j is None:
        if after_j < before_j:
            raise InvalidWindow(f"the counter fell from {before_j:.6g} to {after_j:.6g} J: it was reset")
        return _plausible(after_j - before_j, most_j, elapsed_s)
    if not (0 <= before_j <= wrap_j and 0 <= after_j <= wrap_j):
        raise InvalidWindow(f"the counter read {after_j:.6g} J, outside its range of {wrap_j:.6g} J")
    joules = _plausible((after_j - before_j) % wrap_j, most_j, elapsed_s)
    if joules + wrap_j <= most_j:
        raise InvalidWindow(
            f"{elapsed_s:.3g} s passed without a guard read: the counter may have gone round more than once"
        )
    return joules


def _plausible(joules: float, most_j: float, elapsed_s: float) -> float:
    if joules > most_j:
        power = joules / elapsed_s if elapsed_s > 0 else math.inf
        raise InvalidWindow(
            f"{power:.4g} W is above {TOLERANCE} times the power limit: the counter was reset or misread"
        )
    return joules
