"""What is known of one cell on one side of a gate: counts, outcomes and identities; nothing that takes time to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.reading import Reading

Outcomes = Any  # float64[examples], or None


@dataclass(frozen=True)
class CellFacts:
    """One cell as built (or as kept).

    `artifact` is its digest; `counts` its exact metrics; `outcomes` those of every held-out example, graded by
    `metric`. `task` names the data, `runtime` the code and versions that run the artifact, `outputs` the digests of
    what it gave for the example inputs (empty: not known), `machine` the kind of machine it gave them on.
    """

    id: str
    name: str
    status: str = "ok"
    reason: str | None = None
    artifact: str = ""
    format: str = ""
    counts: Mapping[str, Reading] = field(default_factory=dict)
    metric: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Outcomes = None
    task: str = ""
    runtime: str = ""
    outputs: tuple[str, ...] = ()
    machine: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is anything to judge."""
        return self.status == "ok"

    def same_model(self, other: CellFacts) -> bool:
        """Whether both run one artifact on one runtime: then there is nothing to time."""
        return bool(self.runtime) and (self.artifact, self.runtime) == (other.artifact, other.runtime)
