"""Whether a window was what it seems, by the runtime's own counters: one execution a call, no compilation."""

from __future__ import annotations

from collections.abc import Mapping


def odd(counted: Mapping[str, int]) -> str | None:
    """Return what is wrong with a window's counts (`calls`, `executed`, `compiled`), None where nothing is."""
    if counted["executed"] != counted["calls"]:
        return f"the runtime executed {counted['executed']} graphs for {counted['calls']} calls"
    if counted["compiled"]:
        return f"the runtime compiled {counted['compiled']} graphs while it was timed"
    return None
