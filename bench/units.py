"""Units at the edge: what people write is read into SI, what they read is rounded to its uncertainty.

Prefixes are those of the SI (BIPM brochure, 9th ed., table 7) and of IEC 80000-13 for binary multiples of a byte.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal, get_args

Dimension = Literal["time", "bytes", "energy", "power", "fraction", "count", "flops"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

MINUTE_S, HOUR_S = 60.0, 3600.0
LONGEST = 100  # characters of a quantity
EXACT = 1e-9  # a half-width below this share of the value is the noise of arithmetic
# Outside these a number is shown with an exponent, not with a row of zeros.
SMALLEST, LARGEST = 1e-6, 1e15
COUNTABLE = ("B", "FLOP", "count")
_SMALL = {"n": 1e-9, "µ": 1e-6, "u": 1e-6, "μ": 1e-6, "m": 1e-3}
_LARGE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def _prefixed(symbol: str, *prefixes: Mapping[str, float]) -> dict[str, float]:
    return {symbol: 1.0} | {prefix + symbol: factor for each in prefixes for prefix, factor in each.items()}


UNITS: Mapping[Dimension, Mapping[str, float]] = {
    "time": {**_prefixed("s", _SMALL), "min": MINUTE_S, "h": HOUR_S},
    "bytes": {**_prefixed("B", _LARGE, _BINARY), "KB": 1e3},
    "energy": {**_prefixed("J", _SMALL, _LARGE), "Wh": HOUR_S, "mWh": HOUR_S / 1e3, "kWh": HOUR_S * 1e3},
    "power": _prefixed("W", _SMALL, _LARGE),
    "fraction": {"%": 0.01, "pp": 0.01},
    "count": {"": 1.0, **_LARGE},
    "flops": {"": 1.0, **_LARGE, **_prefixed("FLOP", _LARGE), **_prefixed("FLOPs", _LARGE)},
}
EXAMPLES: Mapping[Dimension, str] = {
    "time": "a time like '30 ms'",
    "bytes": "a size like '20 MB'",
    "energy": "an energy like '5 mJ'",
    "power": "a power like '3 W'",
    "fraction": "a fraction like '2%' or '1.0 pp'",
    "count": "a count like '3.5 M'",
    "flops": "a number of operations like '2 GFLOP'",
}
_QUANTITY = re.compile(r"\s*(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(?P<unit>[^\s0-9]*)\s*")

# What people read: unit of the record -> (factor, shown unit), ascending; the last one not above the value is taken.
_STEPS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "s": ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (MINUTE_S, "min"), (HOUR_S, "h")),
    "J": ((1e-9, "nJ"), (1e-6, "µJ"), (1e-3, "mJ"), (1.0, "J"), (1e3, "kJ"), (1e6, "MJ")),
    "W": ((1e-6, "µW"), (1e-3, "mW"), (1.0, "W"), (1e3, "kW"), (1e6, "MW")),
    "B": ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")),
    "FLOP": ((1.0, "FLOP"), (1e3, "kFLOP"), (1e6, "MFLOP"), (1e9, "GFLOP"), (1e12, "TFLOP")),
    "count": ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")),
    "%": ((0.01, "%"),),
    "pp": ((0.01, "pp"),),
    "1": ((1.0, ""),),
}


def parse_quantity(text: str, dimension: Dimension) -> float:
    """Read what a person wrote into SI: seconds, bytes, joules, watts, a fraction of 1, a plain count.

    Prefixes are case-sensitive (mJ is not MJ). "1.0 pp" is 0.01: a percentage point of a fraction.
    Raises ValueError, saying what was expected, for a missing, unknown or foreign unit and for no finite number.

    >>> parse_quantity("15min", "time")
    900.0
    """
    units = UNITS[dimension]
    match = _QUANTITY.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(f"expected {EXAMPLES[dimension]}, not {_quote(text)}")
    number, unit = float(match["number"]), match["unit"]
    if unit not in units:
        raise ValueError(
            f"{_unit_problem(unit, dimension)}: expected {EXAMPLES[dimension]}; units: {_names(dimension)}"
        )
    value = number * units[unit]
    if not math.isfinite(value):
        raise ValueError(f"{_quote(text)} is too large: expected {EXAMPLES[dimension]}")
    return value


def format_quantity(value: float, unit: str, digits: int = 3) -> str:
    """Return a number in SI as people read it, with a prefix and `digits` significant digits.

    `unit` is the record's: s, J, W, B, FLOP, "1" (a ratio), "%" or "pp" (a fraction of 1 shown as such), "count";
    any other unit is put behind the number as it is. Raises ValueError for what is not finite.

    >>> format_quantity(0.00321, "s")
    '3.21 ms'
    """
    if not math.isfinite(value):
        raise ValueError(f"cannot show {value!r}: what is missing or unbounded is said in words")
    factor, shown = _scale(_round(value, digits), unit)
    scaled = value / factor
    if not _is_plain(scaled):
        return _with_unit(f"{scaled:.{digits - 1}e}", shown)
    if factor == 1 and unit in COUNTABLE and scaled == int(scaled):
        return _with_unit(str(int(scaled)), shown)
    return _with_unit(_fixed(scaled, _decimals(scaled, digits)), shown)


def format_with_interval(value: float, low: float | None, high: float | None, unit: str) -> str:
    """Return value and half-width of its interval, both rounded to two significant digits of the half-width.

    The half-width is the longer arm of the interval, so that a skewed one is never understated; a last digit that is
    zero in both is dropped. An exact number (low = high = value), or one without bounds, stands alone; an unbounded
    interval shows "± ∞". Raises ValueError for a value that is not finite.
    Rounding follows the GUM (JCGM 100:2008, 7.2.6): at most two significant digits of the uncertainty.

    >>> format_with_interval(0.00321, 0.00316, 0.00326, "s")
    '3.21 ms ± 0.05'
    """
    if low is None or high is None or low == high == value:
        return format_quantity(value, unit)
    half = max(high - value, value - low)
    if not math.isfinite(half):
        return f"{format_quantity(value, unit)} ± ∞"
    if half <= abs(value) * EXACT:
        return format_quantity(value, unit)
    factor, shown = _scale(max(abs(value), _round(half, 2)), unit)
    if not (_is_plain(value / factor) and _is_plain(half / factor)):
        return f"{_with_unit(f'{value / factor:.3g}', shown)} ± {half / factor:.1e}"
    decimals = _decimals(half / factor, 2)
    number, width = _fixed(value / factor, decimals), _fixed(half / factor, decimals)
    if decimals > 0 and number.endswith("0") and width.endswith("0"):
        number, width = (_fixed(each / factor, decimals - 1) for each in (value, half))
    return f"{_with_unit(number, shown)} ± {width}"


def _scale(value: float, unit: str) -> tuple[float, str]:
    steps = _STEPS.get(unit, ((1.0, unit),))
    if value == 0:
        return next((step for step in steps if step[0] == 1.0), steps[0])
    # Minutes and hours begin at two, so that 90 s stays 90 s.
    fits = [step for step in steps if abs(value) >= step[0] * (2.0 if step[1] in ("min", "h") else 1.0) * (1 - 1e-12)]
    return fits[-1] if fits else steps[0]


def _is_plain(scaled: float) -> bool:
    return scaled == 0 or SMALLEST <= abs(scaled) < LARGEST


def _round(value: float, digits: int) -> float:
    """Round to significant digits first: 999.96 µs is shown as 1.00 ms, never as 1000 µs."""
    return float(f"{value:.{digits - 1}e}")


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show `digits` significant ones; negative ones round tens and hundreds."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return digits - 1 - exponent if value else 0


def _fixed(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _with_unit(number: str, unit: str) -> str:
    return f"{number}%" if unit == "%" else f"{number} {unit}".rstrip()


def _unit_problem(unit: str, dimension: Dimension) -> str:
    if not unit:
        return "the unit is missing"
    home = next((each for each in DIMENSIONS if each != dimension and unit in UNITS[each]), None)
    if home:
        return f"'{unit}' is not a unit of {dimension}" if home != "count" else f"'{unit}' is only a prefix"
    near = next((known for known in UNITS[dimension] if known.lower() == unit.lower()), None)
    return f"unknown unit {_quote(unit)}" + (f" (did you mean '{near}'?)" if near else "")


def _names(dimension: Dimension) -> str:
    return ", ".join(name for name in UNITS[dimension] if name and name[0] not in "uμ")


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
