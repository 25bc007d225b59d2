"""The bench of a gate: makes pairs of what is built and what was kept, all on one set of settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.run.build import Builder
from bench.run.built import Side, TaskFacts
from bench.run.gate.pair import Pair, Rules
from bench.run.gate.parts import Kept, Part
from bench.run.launch import Launcher
from bench.run.metering import Metering
from bench.store import Journal

BASE, COPY, PLANTED = "-base", "-copy", "-planted"
SOLO_LAUNCHES = 10  # with fewer, the interval of a quantile is open


@dataclass
class Bench:
    """Makes pairs. `machine` holds the facts of this machine; `launcher` is what measures, replaced in tests."""

    builder: Builder
    metering: Metering
    journal: Journal
    machine: Mapping[str, Any]
    tell: Callable[[str, str], None]
    seed: str = field(default_factory=lambda: uuid.uuid4().hex)
    launcher: type[Launcher] | None = None

    def pair(
        self, part: Part, kept: Kept, rules: Rules, tag: str, carried: Mapping[str, Sequence[float]] | None
    ) -> Pair:
        """Return the pair of a cell: the baseline's artifact and the candidate's."""
        mine = replace(part.side)  # sides of several pairs are copied to different places
        base = Side(mine.planned, kept.artifact, role=BASE, spawn=kept.spawn, backend=kept.backend)
        found = {mine.id: carried} if carried else {}
        return self._pair(f"{mine.id}{tag}", part, (base, mine), rules, carried=found)

    def solo(self, part: Part, rules: Rules) -> Pair:
        """Return a few launches of a candidate alone, for its absolute budgets."""
        return self._pair(f"{part.side.id}-alone", part, (replace(part.side),), rules, solo=SOLO_LAUNCHES)

    def self_test(self, part: Part, kept: Kept | None, rules: Rules, share: float) -> Pair:
        """Return the gate's test of itself: an artifact, its byte copy, and itself with busy work planted in it."""
        artifact = kept.artifact if kept and kept.artifact else part.side.artifact
        where = (kept.spawn, kept.backend) if kept and kept.artifact else (None, None)
        sides = [
            Side(part.side.planned, artifact, role=role, burden=burden, spawn=where[0], backend=where[1])
            for role, burden in ((BASE, 0.0), (COPY, 0.0), (PLANTED, share))
        ]
        return self._pair("self-test", part, sides, rules, memory=False)

    def _pair(self, name: str, part: Part, sides: Sequence[Side], rules: Rules, **more: Any) -> Pair:
        assert part.task is not None, "only what is built is measured"
        inputs = inputs_of(part.task, part.side.planned.cell.batch)
        make = self.launcher or Launcher
        launcher = make(part.comparison, inputs, self.builder.settings, self.builder.ledger, self.metering)
        return Pair(name, sides, rules, launcher, self.journal, self.builder, self.seed, **more)


def inputs_of(task: TaskFacts, batch: int) -> str:
    """Return the file of a task's example inputs."""
    return str(Path(task.folder) / f"example-{batch}.npz")
