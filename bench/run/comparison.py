"""One comparison: build its sides, grade them, launch until tight enough, derive the records."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.derive import Stop, tight_enough
from bench.errors import BenchError
from bench.plan import PlannedCell, PlannedComparison
from bench.plan.plan import BUNDLE_LIMIT
from bench.run.build import Builder
from bench.run.built import Failure, Side, TaskFacts
from bench.run.deadline import Deadline
from bench.run.issuing import Issuing
from bench.run.launch import Launcher
from bench.run.metering import Metering
from bench.run.quality import evaluate
from bench.run.settings import Settings
from bench.store import Journal, Launch

# Whatever the budget: one launch sets no interval at all.
LEAST_LAUNCHES = 2
Tell = Callable[[str, str], None]


class ComparisonRun:
    """Carries one comparison from plan to launches. The baseline is the first side."""

    def __init__(
        self,
        comparison: PlannedComparison,
        builder: Builder,
        journal: Journal,
        metering: Metering,
        tell: Tell,
        seed: str,
    ) -> None:
        self.comparison, self.builder, self.journal, self.tell, self.seed = comparison, builder, journal, tell, seed
        self.metering = metering
        self.deadline = builder.deadline = metering.deadline = Deadline.after(builder.settings.timeout_s)
        self.task: TaskFacts | None = None
        self._watched = False
        self._noted: set[str] = set()

    @property
    def settings(self) -> Settings:
        """How to measure."""
        return self.builder.settings

    def sides(self, wanted: Sequence[PlannedCell]) -> list[Side]:
        """Build and grade the wanted cells; a failing baseline takes the comparison with it."""
        sides = [Side(each) for each in wanted]
        try:
            self.task = self.builder.task(self.comparison)
        except BenchError as error:
            for side in sides:
                side.fail(error, f"preparing task '{self.comparison.task.name}'")
            return sides
        try:
            for side in sides:
                self._build(side)
        finally:
            self.builder.checks.close()
        evaluate(self.builder, self.comparison, self.task, sides)
        self._spread_baseline_failure(sides)
        return sides

    def _build(self, side: Side) -> None:
        self.tell("build", str(side.planned.cell))
        try:
            self.builder.build(side, self.comparison.task)
        except Exception as error:  # noqa: BLE001 - whatever a plugin does costs its own cell only
            side.fail(error, "building the artifact")

    def measure(self, sides: Sequence[Side]) -> None:
        """Launch bundles of at most six sides, each with the baseline, until tight enough or out of time."""
        base, *rest = sides
        if not base.alive or self.task is None:
            return
        with self.builder.scratch() as scratch:
            self._copy(sides, scratch)
            chunk = BUNDLE_LIMIT - 1
            alive = [side for side in rest if side.alive]
            bundles = [alive[start : start + chunk] for start in range(0, len(alive), chunk)] or [[]]
            for bundle in bundles:
                self._measure_bundle([base, *bundle], self.settings.budget_s / len(bundles))
        if self._watched:
            self._watch_idle("after")
        self._spread_baseline_failure(sides)

    def _measure_bundle(self, bundle: list[Side], budget_s: float) -> None:
        assert self.task is not None
        inputs = str(Path(self.task.folder) / f"example-{bundle[0].planned.cell.batch}.npz")
        launcher = Launcher(self.comparison, inputs, self.settings, self.builder.ledger, self.metering, self.deadline)
        launcher.issuing = Issuing(self.settings, self.deadline)
        stop = Stop(self.settings.ci_width, self.settings.min_launches)
        journaled = self.journal.read(self.comparison.id, self._note)
        issued = next((each.meta["scenario"] for each in reversed(journaled) if "scenario" in each.meta), None)
        launches = matching(journaled, bundle)
        deadline = time.monotonic() + budget_s - sum(float(each.meta["seconds"]) for each in launches)
        while not self._enough(launches, bundle, stop, deadline):
            if not self._watched:
                deadline += self._watch_idle("before")
            n, rounds = (int(launches[0].meta[key]) for key in ("n", "rounds")) if launches else (None, None)
            dice = random.Random(f"{self.seed}/{self.comparison.id}/{len(launches)}")
            launch = launcher.launch(bundle, dice, n, rounds, issued)
            if launch is not None:
                self.journal.append(self.comparison.id, launch)
                launches.append(launch)
                issued = launch.meta.get("scenario")
                # The budget is for the blocks.
                deadline += float(launch.meta.get("metered_s", 0.0)) + float((issued or {}).get("seconds", 0.0))
                self.tell("launch", f"launch {len(launches)} of {self.comparison.cells[0].cell.task}")
            bundle = [side for side in bundle if side.alive]
            if not bundle or bundle[0].planned.cell.recipe:
                return

    def _note(self, text: str) -> None:
        """Say once what is wrong with a file of the journal."""
        if text not in self._noted:
            self._noted.add(text)
            self.tell("note", text)

    def _watch_idle(self, when: str) -> float:
        """Journal the joules of the idle machine, in an entry of their own without samples; return the seconds taken.

        Choosing the meter, which may take its time to find a counter's period, is among them.
        """
        began, self._watched = time.perf_counter(), True
        meter = self.metering.of(self.comparison.cells[0].cell.device)
        if meter is None or not self.metering.watches_idle(meter):
            return time.perf_counter() - began
        with self.builder.ledger.phase("idle"), self.builder.worker() as worker:
            idle = {"when": when, "reading": self.metering.idle(meter, worker)}
        meta = {"idle": idle, "artifacts": {}, "seconds": time.perf_counter() - began}
        self.journal.append(self.comparison.id, Launch(meta, {}))
        return time.perf_counter() - began

    def _enough(self, launches: list[Launch], bundle: list[Side], stop: Stop, deadline: float) -> bool:
        if len(launches) < LEAST_LAUNCHES:
            return False
        base = bundle[0].id
        mine = [each for each in launches if all(side.id in each.samples for side in bundle)]
        if self.deadline.remaining_s() <= max(float(each.meta["seconds"]) for each in launches):
            return True  # a further launch would be cut off, and with it what was measured
        return time.monotonic() >= deadline or tight_enough(mine, [side.id for side in bundle], base, stop)

    def _copy(self, sides: Sequence[Side], scratch: Path) -> None:
        """Copy artifacts to paths of equal length: a path's length moves what follows it in memory."""
        for index, side in enumerate(sides):
            if side.alive and side.artifact is not None:
                place = scratch / f"{index:04d}{side.artifact.path.suffix}"
                copy = shutil.copytree if side.artifact.path.is_dir() else shutil.copyfile
                copy(side.artifact.path, place)
                side.copy = replace(side.artifact, path=place)

    def _spread_baseline_failure(self, sides: Sequence[Side]) -> None:
        base = sides[0]
        if base.failure is None:
            return
        for side in sides[1:]:
            side.failure = side.failure or Failure(base.failure.status, f"its baseline failed: {base.failure.reason}")


def matching(launches: Sequence[Launch], bundle: Sequence[Side]) -> list[Launch]:
    """Return the journaled launches that hold every side of the bundle as it is now, by the artifacts' digests."""
    wanted = {side.id: side.artifact.digest for side in bundle if side.artifact is not None}
    fitting = (each for each in launches if wanted.items() <= each.meta["artifacts"].items())
    return [each for each in fitting if not wanted.keys() & set(each.meta.get("superseded", ()))]
