"""What building left: an artifact with its lineage, or the reason there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.artifact import Artifact
from bench.errors import BenchError, ConversionError, Unsupported, WorkerError
from bench.offer import Offer
from bench.plan import PlannedCell
from bench.run.settings import Spawn


@dataclass(frozen=True)
class Failure:
    """Why a cell has no number: its record's status, reason and detail, and how far its artifact had come."""

    status: str
    reason: str
    detail: str | None = None
    lineage: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, error: BaseException, doing: str) -> Failure:
        """Describe an error of a worker as a record will."""
        if isinstance(error, Unsupported):
            return cls("unsupported", error.message)
        if isinstance(error, ConversionError):
            return cls("failed", f"conversion: {error.message}", lineage=error.lineage)
        if isinstance(error, WorkerError):
            return cls(error.status, f"{doing}: {error.message}", error.traceback)
        message = error.message if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
        return cls("failed", f"{doing}: {message}")


@dataclass(frozen=True)
class TaskFacts:
    """A prepared task: its data folder, digests and metric; `batch` is how many examples are predicted at once.

    `files` are the digests of the folder's files by name.
    """

    folder: str
    digest: str
    reference: str
    metric: Mapping[str, Any]
    examples: int
    batch: int
    files: Mapping[str, str]


@dataclass
class Side:
    """One side of a comparison: a planned cell on its way from artifact to numbers.

    `executed` is what its backend really runs, with the `reason` alone where that is not known.

    A gate measures a cell beside itself: `role` tells such sides apart, `burden` is the busy work planted in one, as a
    share of its calls, and `spawn` and `backend` are those of another revision's environment where they differ.
    """

    planned: PlannedCell
    artifact: Artifact | None = None
    failure: Failure | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Any = None
    executed: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    copy: Artifact | None = None
    role: str = ""
    burden: float = 0.0
    spawn: Spawn | None = None
    backend: Offer | None = None

    @property
    def id(self) -> str:
        """The cell's id, with the role where there is one."""
        return self.planned.cell.id + self.role

    @property
    def alive(self) -> bool:
        """Whether nothing failed yet."""
        return self.failure is None

    def fail(self, error: BaseException, doing: str) -> None:
        """Keep the first failure."""
        self.failure = self.failure or Failure.of(error, doing)
