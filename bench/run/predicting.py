"""Predicting one side's evaluation examples in parts, so that several processes share the slowest side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from bench.run.built import Side, TaskFacts


@dataclass(frozen=True)
class Part:
    """Rows [start, stop) of a side's examples; None for all of them."""

    whole: Prediction
    number: int
    rows: tuple[int, int] | None


class Prediction:
    """Gathers the outputs of a side's parts."""

    def __init__(self, side: Side, task: TaskFacts) -> None:
        self.side, self.examples, self.batch = side, task.examples, task.batch
        self._taken: dict[int, Mapping[str, np.ndarray]] = {}
        self._waits_for = 1
        self._lock = Lock()

    def parts(self, shares: int) -> list[Part]:
        """Divide the examples between batches, so that every model call is the one it would be undivided.

        What is graded already is one part: only what the runtime executes is asked for.
        """
        batches = -(-self.examples // self.batch)
        shares = min(shares, batches) if self.side.outcomes is None else 1
        if shares <= 1:
            return [Part(self, 0, None)]
        bounds = [min(round(batches * each / shares) * self.batch, self.examples) for each in range(shares + 1)]
        self._waits_for = shares
        return [Part(self, number, (bounds[number], bounds[number + 1])) for number in range(shares)]

    def take(self, part: Part, outputs: Path) -> bool:
        """Keep a part's outputs; whether it was the last one that was missing."""
        if part.rows is None:
            return True
        with np.load(outputs, allow_pickle=False) as archive:
            found = dict(archive)
        with self._lock:
            self._taken[part.number] = found
            return len(self._taken) == self._waits_for

    def join(self, outputs: Path) -> None:
        """Write the outputs of all parts in order; a side that was not divided has written its own."""
        if self._taken:
            parts = [self._taken[number] for number in sorted(self._taken)]
            joined = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
            np.savez(outputs, **joined)  # type: ignore[arg-type]  # numpy types the array names as its own flags
            self._taken.clear()
