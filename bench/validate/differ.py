"""Where two documents differ: a record as it is, and as its samples have it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CLOSE = 1e-6  # relative; sums of other versions of numpy differ in the last digits
TINY = 1e-15
Difference = tuple[str, Any, Any]  # where, what is derived, what is said


def differences(derived: Any, said: Any, where: str = "") -> Iterator[Difference]:
    """Yield every leaf that differs; numbers may differ in their last digits."""
    if isinstance(derived, Mapping) and isinstance(said, Mapping):
        for key in dict.fromkeys([*derived, *said]):
            yield from differences(derived.get(key), said.get(key), f"{where}.{key}" if where else str(key))
    elif _is_list(derived) and _is_list(said) and len(derived) == len(said):
        for index, (ours, theirs) in enumerate(zip(derived, said, strict=True)):
            yield from differences(ours, theirs, f"{where}[{index}]")
    elif not _same(derived, said):
        yield where, derived, said


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _same(derived: Any, said: Any) -> bool:
    if _is_number(derived) and _is_number(said):
        return math.isclose(derived, said, rel_tol=CLOSE, abs_tol=TINY)
    return bool(derived == said)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
