"""Lines of a meter, `<unix seconds> <joules>`: read strictly, and the energy between two moments from them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# Decimal numbers only: what float() also takes (nan, inf, 1_000) is a bug of the program.
WHOLE, DECIMALS, EXPONENT = r"[0-9]{1,20}", r"(?:\.([0-9]{1,20}))?", r"(?:[eE]([+-]?[0-9]{1,3}))?"
LINE = re.compile(rf"({WHOLE}{DECIMALS}{EXPONENT})[ \t]+({WHOLE}{DECIMALS}{EXPONENT})\r?")
LONGEST_LINE = 100  # characters
LONGEST_GAP = 3.0  # in periods: two lines in a row may be lost
OVER_LIMIT = 1.2  # times the limit: above, the meter misread


class BadLines(Exception):
    """The program broke its promise; the message says how."""


@dataclass(frozen=True)
class Line:
    """One reading: joules since the program began, at a moment (unix seconds), in steps of `step_j`."""

    at_s: float
    joules: float
    step_j: float = 0.0


@dataclass(frozen=True)
class Energy:
    """Joules between two moments, bounds in joules of what may be wrong with them, and the mean time between lines."""

    joules: float
    edges_j: float
    quantum_j: float
    period_s: float


def parse(output: bytes) -> list[Line]:
    """Read whole lines strictly; a last line without its end is still being written. Raises BadLines."""
    lines: list[Line] = []
    for number, raw in enumerate(output.split(b"\n")[:-1], start=1):
        line = _parsed(number, raw)
        if lines and line.at_s <= lines[-1].at_s:
            raise BadLines(f"line {number}: time went from {lines[-1].at_s!r} to {line.at_s!r}")
        if lines and line.joules < lines[-1].joules:
            raise BadLines(f"line {number}: joules fell from {lines[-1].joules:g} to {line.joules:g}; they accumulate")
        lines.append(line)
    return lines


def energy_between(
    lines: Sequence[Line], start_s: float, stop_s: float, *, period_s: float, limit_w: float | None = None
) -> Energy:
    """Interpolate the meter between two moments.

    Between two lines the energy only grows, and no faster than `limit_w`: at a moment between them it is known to
    within that. Raises BadLines for gaps, for lines that do not reach over both moments, for power above the limit.
    """
    if not lines or lines[0].at_s > start_s:
        raise BadLines("no line came before the window began")
    if lines[-1].at_s < stop_s:
        raise BadLines(f"the last line is {stop_s - lines[-1].at_s:.3g} s older than the end of the window: late lines")
    first = max(i for i, line in enumerate(lines) if line.at_s <= start_s)
    last = min(i for i, line in enumerate(lines) if line.at_s >= stop_s)
    used = lines[first : last + 1]
    gap = max(b.at_s - a.at_s for a, b in pairwise(used))
    if gap > LONGEST_GAP * period_s:
        raise BadLines(f"nothing was printed for {gap:.3g} s, more than {LONGEST_GAP:g} periods of {period_s:g} s")
    step_j = max(line.step_j for line in used)
    most_w = math.inf if limit_w is None else OVER_LIMIT * limit_w
    _check_power(used, most_w, step_j)
    before_j, doubt_before_j = _at(used[0], used[1], start_s, most_w)
    after_j, doubt_after_j = _at(used[-2], used[-1], stop_s, most_w)
    mean_s = (used[-1].at_s - used[0].at_s) / (len(used) - 1)
    return Energy(after_j - before_j, doubt_before_j + doubt_after_j, 2 * step_j, mean_s)


def _parsed(number: int, raw: bytes) -> Line:
    text = raw[:LONGEST_LINE].decode("ascii", "replace")
    match = LINE.fullmatch(text) if len(raw) <= LONGEST_LINE else None
    if match is None:
        raise BadLines(f"line {number} is {text[:40]!r}: expected <unix seconds> <joules>")
    at_s, joules = float(match[1]), float(match[4])
    if not (math.isfinite(at_s) and math.isfinite(joules)):
        raise BadLines(f"line {number} is {text[:40]!r}: too large a number")
    return Line(at_s, joules, 10.0 ** (int(match[6] or 0) - len(match[5] or "")))


def _check_power(lines: Sequence[Line], most_w: float, step_j: float) -> None:
    for a, b in pairwise(lines):
        if b.joules - a.joules - step_j > most_w * (b.at_s - a.at_s):
            power = (b.joules - a.joules) / (b.at_s - a.at_s)
            raise BadLines(f"the lines say {power:.4g} W, above {OVER_LIMIT} times the limit: the meter misread")


def _at(a: Line, b: Line, at_s: float, most_w: float) -> tuple[float, float]:
    """Return the joules at a moment between two lines, and how far off they may be."""
    joules = a.joules + (at_s - a.at_s) / (b.at_s - a.at_s) * (b.joules - a.joules)
    least = max(a.joules, b.joules - most_w * (b.at_s - at_s)) if b.at_s > at_s else b.joules
    most = min(b.joules, a.joules + most_w * (at_s - a.at_s)) if at_s > a.at_s else a.joules
    return joules, max(joules - least, most - joules, 0.0)
