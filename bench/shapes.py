"""The shapes that JSON must have before it is read as a number, a text or a list: checks, and what was expected."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

DEEPEST = 64  # no document of ours is nested deeper; what is, would run a reader out of stack
Check = Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """Whether a value is a real number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def is_count(value: Any) -> bool:
    """Whether a value is a whole number, 0 or more."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0


def is_text(value: Any) -> bool:
    """Whether a value is text."""
    return isinstance(value, str)


def is_mapping(value: Any) -> bool:
    """Whether a value is a JSON object."""
    return isinstance(value, Mapping)


def is_flag(value: Any) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def optional(check: Check) -> Check:
    """Return the check that lets null pass too."""
    return lambda value: value is None or check(value)


def listing(check: Check) -> Check:
    """Return the check of a list, each item of which passes."""
    return lambda value: isinstance(value, (list, tuple)) and all(map(check, value))


def table(check: Check) -> Check:
    """Return the check of a JSON object, each value of which passes."""
    return lambda value: isinstance(value, Mapping) and all(map(check, value.values()))


def refuse_odd(part: Mapping[str, Any], shapes: Mapping[str, tuple[Check, str]], where: str) -> None:
    """Raise ValueError for a field of the part, if it is there, that is not as `shapes` has it."""
    for name, (check, expected) in shapes.items():
        if name in part and not check(part[name]):
            raise ValueError(f"'{where}{name}' must be {expected}, not {_short(part[name])}")


def refuse_unreadable(value: Any, depth: int = 0) -> None:
    """Raise ValueError for numbers that no float holds (10**400, NaN, infinity) and for endless nesting."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        for each in value.values():
            refuse_unreadable(each, depth + 1)
    elif isinstance(value, (list, tuple)):
        for each in value:
            refuse_unreadable(each, depth + 1)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not is_number(value):
        raise ValueError("a number in it is beyond what can be calculated with")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of too many digits
        return "an endless number"
    return text if len(text) <= 40 else text[:39] + "…"


NUMBER = (is_number, "a number")
NUMBER_OR_NULL = (optional(is_number), "a number or null")
COUNT = (is_count, "a whole number")
COUNT_OR_NULL = (optional(is_count), "a whole number or null")
TEXT = (is_text, "a text")
TEXT_OR_NULL = (optional(is_text), "a text or null")
TEXTS = (listing(is_text), "a list of texts")
MAPPING = (is_mapping, "a mapping")
NUMBERS = (table(is_number), "a mapping of numbers")
FLAG = (is_flag, "true or false")
