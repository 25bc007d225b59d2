"""The ledger: where the wall time of a run went, phase by phase."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

PHASES = (
    "prepare",
    "train",
    "compress",
    "convert",
    "check",
    "count",
    "evaluate",
    "start",
    "warm_up",
    "measure",
    "energy",
    "idle",
)


class Ledger:
    """Adds up seconds by phase; `own` is what no phase explains."""

    def __init__(self, earlier: object = None) -> None:
        """`earlier` is what run.json says of earlier sessions; whatever there is no number counts as nothing."""
        self._began = time.perf_counter()
        known = earlier if isinstance(earlier, dict) else {}
        self._earlier = {name: float(value) for name, value in known.items() if _is_seconds(value)}
        self._seconds = dict.fromkeys(PHASES, 0.0)

    def add(self, phase: str, seconds: float) -> None:
        """Book seconds to a phase."""
        self._seconds[phase] += seconds

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time inside to a phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - began)

    def to_json(self) -> dict[str, float]:
        """Return wall seconds by phase, `own` and `wall`, earlier sessions of a resumed run included."""
        wall = time.perf_counter() - self._began
        now = {**self._seconds, "own": max(wall - sum(self._seconds.values()), 0.0), "wall": wall}
        return {name: round(value + self._earlier.get(name, 0.0), 3) for name, value in now.items()}


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
