"""Untrusted strings made fit to be read: what cannot be seen is shown by its code point, what is endless is cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.unseen import block, visible

__all__ = ["block", "mapping", "plain", "slug", "visible"]
DEEPEST = 6
_WORDS = {None: "—", True: "yes", False: "no"}


def plain(value: Any, depth: int = 0) -> str:
    """Return any JSON value on one line as people read it: numbers short, lists joined, mappings as `key: value`."""
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if depth < DEEPEST and isinstance(value, Mapping):
        return visible("; ".join(f"{visible(key, 60)}: {plain(each, depth + 1)}" for key, each in value.items()))
    if depth < DEEPEST and isinstance(value, (list, tuple)):
        return visible(", ".join(plain(each, depth + 1) for each in value))
    return visible(value)


def mapping(value: Any) -> Mapping[Any, Any]:
    """Return the value when it is a mapping, an empty one otherwise: damaged records must still render."""
    return value if isinstance(value, (dict, Mapping)) else {}


def slug(text: str, limit: int = 40) -> str:
    """Return text reduced to letters, digits and dashes, fit for an anchor; may be empty."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:limit].lower()
