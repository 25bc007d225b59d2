"""What is checked: a backend, a file it opens, inputs with the outputs they must give; and what was found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench.artifact import Artifact
from bench.protocols import Arrays, Backend, Session

BATCHES = (1, 2, 7)
THREADS = (1, 2)
TOLERANCE = 1e-3
GROWTH_BYTES = 256 << 10
Outputs = dict[str, "np.ndarray[Any, Any]"]


class NotKept(AssertionError):
    """A rule is broken; the message says which and how."""


class NotTested(Exception):
    """A rule could not be tested here; the message says why."""


@dataclass(frozen=True)
class Case:
    """Inputs by name, and the outputs by name that the reference gave for them; the first axis is the batch."""

    inputs: Arrays
    expected: Arrays


@dataclass(frozen=True)
class Subject:
    """A backend and a file of a format it accepts, with one case a batch size, smallest first.

    `tolerance` is the largest absolute difference of any output from the reference's, as a share of the largest
    absolute output or of 1, whichever is more. `growth_bytes` is what a session may leave behind in memory
    when it is closed: an allocator's own growth ends, and stays below a quarter of a megabyte each.
    """

    backend: Backend
    artifact: Artifact
    cases: tuple[Case, ...]
    tolerance: float = TOLERANCE
    device: str = "cpu"
    threads: tuple[int, ...] = THREADS
    growth_bytes: int = GROWTH_BYTES

    @contextlib.contextmanager
    def opened(self, artifact: Artifact | None = None, threads: int = 1) -> Iterator[Session]:
        """Give a session that is closed with the block."""
        session = self.backend.open(artifact or self.artifact, device=self.device, threads=threads)
        try:
            yield session
        finally:
            session.close()

    def agree(self, found: Arrays, case: Case, what: str) -> float:
        """Return the largest relative difference from the case's outputs. Raises NotKept beyond the tolerance."""
        if set(found) != set(case.expected):
            raise NotKept(
                f"{what}: outputs are called {_listed(found)}, those of the reference {_listed(case.expected)}"
            )
        return max(self.near(found[name], case.expected[name], f"{what}: output '{name}'") for name in found)

    def near(self, found: Any, expected: Any, what: str) -> float:
        """Return the largest relative difference of two arrays. Raises NotKept for shapes, or beyond the tolerance."""
        mine, theirs = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        if mine.shape != theirs.shape:
            raise NotKept(f"{what} has the shape {list(mine.shape)}, that of the reference {list(theirs.shape)}")
        if not np.isfinite(mine).all():
            raise NotKept(f"{what} holds values that are not finite")
        worst = float(np.abs(mine - theirs).max(initial=0) / max(1.0, np.abs(theirs).max(initial=0)))
        if worst > self.tolerance:
            raise NotKept(f"{what} is off by {worst:.2g}; the tolerance is {self.tolerance:g}")
        return worst


@dataclass(frozen=True)
class Finding:
    """What a check found: `note` holds figures, or the reason."""

    check: str
    status: Literal["passed", "failed", "skipped"]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """The findings of all checks on one backend."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings of broken rules."""
        return tuple(each for each in self.findings if each.status == "failed")

    @property
    def passed(self) -> tuple[Finding, ...]:
        """The findings of rules that were tested and kept."""
        return tuple(each for each in self.findings if each.status == "passed")

    def assert_kept(self) -> None:
        """Raise NotKept with every broken rule, or when none could be tested."""
        broken = self.failed or (() if self.passed else self.findings)
        if broken:
            raise NotKept("\n".join(f"{each.check}: {each.note}" for each in broken))


def subject_of(
    backend: Backend,
    artifact: Artifact,
    *,
    inputs: Callable[[int], Arrays],
    reference: Callable[[Arrays], Arrays],
    batches: Sequence[int] = BATCHES,
    **more: Any,
) -> Subject:
    """Return a subject from functions: `inputs(batch)` makes a batch, `reference(inputs)` the outputs it must give.

    `more` are the other fields of `Subject`: tolerance, device, threads, growth_bytes.
    """
    made = [dict(inputs(each)) for each in sorted(batches)]
    cases = tuple(Case(each, {name: np.array(value) for name, value in reference(each).items()}) for each in made)
    return Subject(backend, artifact, cases, **more)


def _listed(names: Arrays) -> str:
    return ", ".join(sorted(names)) or "(none)"
