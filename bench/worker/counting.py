"""What a runtime counted in a window, for sessions that count: every call executed once, and nothing compiled.

A lazy runtime may time the tracing of what it never executes, or a compilation beside the inference; the clock cannot
tell. Its counters can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.protocols import Counting, Session

Counted = dict[str, int]


class Tally:
    """Reads a session's counters when it is made and when the window is over; nothing in between."""

    def __init__(self, session: Session | None) -> None:
        self._session = session if isinstance(session, Counting) else None
        self._first = self._read()

    def ended(self, calls: int) -> Counted | None:
        """Return `calls`, and how many graphs were `executed` and `compiled` meanwhile; None where nobody counts."""
        first, last = self._first, self._read()
        if first is None or last is None:
            return None
        return {"calls": calls, **{name: last[name] - first[name] for name in last}}

    def _read(self) -> Counted | None:
        if self._session is None:
            return None
        found = self._session.counters()
        return {name: int(found[name]) for name in ("executed", "compiled")}


class Counter:
    """A call that counts how often it was made; what it costs is nothing beside a metered window."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call, self.calls = call, 0

    def __call__(self) -> Any:
        """Make the call."""
        self.calls += 1
        return self._call()
