"""Plain JSON out of whatever a plugin put into its facts."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

TEXT_LIMIT = 300


def jsonable(value: Any) -> Any:
    """Turn facts into plain JSON: numbers and small arrays of frameworks become Python's, anything odd its text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(each) for each in value]
    if isinstance(value, (bool, int, str, float)) or value is None:
        return _number(value)
    with contextlib.suppress(Exception):  # an array of many elements has no single item
        return _number(value.item())
    return str(value)[:TEXT_LIMIT]


def _number(value: Any) -> Any:
    """Return a plain value; subclasses (an enumeration's member, a framework's float) lose their class.

    What JSON cannot say (NaN, infinity) is null.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)[:TEXT_LIMIT]
