"""The two sides of a gate: what is built now, and what the baseline kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.artifact import Artifact
from bench.gate.facts import CellFacts
from bench.offer import Offer
from bench.plan import PlannedComparison
from bench.reading import Reading
from bench.run.built import Side, TaskFacts
from bench.run.settings import Spawn


@dataclass
class Part:
    """A candidate: a cell of the suite as it is now, built and graded, or one of a kept run.

    `readings` are those of a kept run's record, None for what was built; `lost` says why it cannot be measured again.
    """

    comparison: PlannedComparison
    side: Side
    task: TaskFacts | None
    facts: CellFacts
    readings: Mapping[str, Reading] | None = None
    lost: str = ""


@dataclass(frozen=True)
class Kept:
    """A cell of the baseline; `artifact` is None, with the reason in `lost`, where it cannot be measured again.

    `spawn` and `backend` start it in the environment of its revision, None where that is this one.
    """

    facts: CellFacts
    artifact: Artifact | None = None
    lost: str = ""
    spawn: Spawn | None = None
    backend: Offer | None = None


@dataclass(frozen=True)
class Baseline:
    """Everything to gate against; `name` is how it was asked for."""

    name: str
    cells: Mapping[str, Kept]
    notes: tuple[str, ...] = field(default=())
