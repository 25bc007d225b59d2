"""Numbers as people read them: SI prefixes per column, rounded to their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any, NamedTuple

from bench.reading import Reading

MINUS, MISSING, TIMES, TO = "\N{MINUS SIGN}", "—", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
LARGEST, SMALLEST = 1e100, 1e-100  # beyond these a "number" is damage, and arithmetic on it overflows
COMPACT = 1e7  # from here on a column's outliers are written as powers of ten
_UP = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_DOWN = ((1e-9, "n"), (1e-6, "µ"), (1e-3, "m"))
_PREFIXES = {
    "s": (*_DOWN, (1.0, "")),
    "J": (*_DOWN, *_UP),
    "W": (*_DOWN, *_UP),
    "B": _UP,
    "FLOP": _UP,
    "": _UP,
    "g": (*_DOWN, *_UP[:2]),
}
_NAMES = {"count": "", "bytes": "B", "byte": "B", "flop": "FLOP", "flops": "FLOP", "FLOPs": "FLOP"}


class Figure(NamedTuple):
    """A number fit for calculation: finite, with a finite interval around it or none."""

    value: float
    low: float | None
    high: float | None


class Scale(NamedTuple):
    """How a column is shown: numbers are multiplied by `factor` and carry `label`."""

    factor: float
    label: str


PERCENT = Scale(100.0, "%")
POINTS = Scale(100.0, "pp")
AS_IS = Scale(1.0, "")


def number(value: Any) -> float | None:
    """Return a finite float, or None for anything else (text, NaN, infinity, a boolean, beyond 1e100)."""
    if type(value) is float:
        return value if -LARGEST < value < LARGEST else None
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, Real)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < LARGEST else None


def figure(value: Any, low: Any = None, high: Any = None) -> Figure | None:
    """Return the figure, without its interval where that is missing, infinite or upside down; None without a value."""
    found = number(value)
    if found is None:
        return None
    lower, upper = number(low), number(high)
    if lower is None or upper is None or lower > upper:
        return Figure(found, None, None)
    return Figure(found, lower, upper)


def figure_of(reading: Reading | None) -> Figure | None:
    """Return a reading's figure, or None when there is no number in it."""
    return figure(reading.value, reading.low, reading.high) if reading is not None else None


def scale_for(unit: str, values: Iterable[float]) -> Scale:
    """Return the scale whose prefix suits the middle of the values; the unit "1" becomes percent.

    Lengths of time never go above seconds, bytes are decimal (kB = 1000 B).
    """
    if unit == "1":
        return PERCENT
    name = _NAMES.get(unit, unit)
    if name not in _PREFIXES:
        return Scale(1.0, unit)
    sizes = sorted(abs(each) for each in values if each)
    middle = sizes[len(sizes) // 2] if sizes else 1.0
    size, prefix = max((each for each in _PREFIXES[name] if each[0] <= middle), default=_PREFIXES[name][0])
    return Scale(1.0 / size, prefix + name)


def decimals(shown: Figure) -> int:
    """Return how many decimals the interval supports (negative: round to tens, hundreds …).

    The half-width keeps two digits when they are below 36 and one otherwise (Particle Data Group, Review of Particle
    Physics, section 5.3 of its introduction). A quantity that cannot be negative keeps two significant digits however
    wide its interval. Without an interval four significant digits stand.
    """
    spread = 0.0 if shown.low is None or shown.high is None else max(shown.high - shown.value, shown.value - shown.low)
    if spread > SMALLEST:
        power = math.floor(math.log10(spread))
        places = (1 if spread / 10.0**power < 3.55 else 0) - power
        positive = shown.low is not None and shown.low >= 0 and shown.value > SMALLEST
        return max(places, 1 - math.floor(math.log10(shown.value))) if positive else places
    size = abs(shown.value)
    if size == 0 or (size >= 1 and size == int(size)):
        return 0
    return 3 - math.floor(math.log10(size))


def text_of(value: float, places: int) -> str:
    """Return a number with that many decimals, thousands separated, with a true minus sign."""
    if not -COMPACT < value < COMPACT:
        digits = math.floor(math.log10(abs(value))) + places
        return f"{value:.{digits if 1 < digits < 9 else 2}e}".replace("-", MINUS)
    if places < 0:
        value, places = round(value, places), 0
    text = f"{value:,.{min(places, 12)}f}"
    if text[0] != "-":
        return text
    return MINUS + text[1:] if text.strip("-0.,") else text[1:]  # no minus before what rounds to nothing


def written(found: Figure, scale: Scale) -> tuple[str, str]:
    """Return value and interval as text in a scale, without the unit; the interval is "" when there is none."""
    (value, low, high), factor = found, scale.factor
    if low is None or high is None or low == high:
        return text_of(value * factor, decimals(Figure(value * factor, None, None))), ""
    value, low, high = value * factor, low * factor, high * factor
    places = decimals(Figure(value, low, high))
    return text_of(value, places), f"[{text_of(low, places)}, {text_of(high, places)}]"


def sentence(found: Figure, scale: Scale) -> str:
    """Return value, interval and unit in one phrase: "3.21 ms [3.16, 3.26]"."""
    value, interval = written(found, scale)
    return " ".join(part for part in (value, scale.label, interval) if part)
