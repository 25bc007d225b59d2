"""Building for a gate: artifacts, counts and outcomes of every cell; nothing is timed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.gate.facts import CellFacts
from bench.gate.snapshot import rounded
from bench.machine import fingerprint
from bench.plan import Plan, PlannedComparison
from bench.run.build import Builder
from bench.run.built import Side, TaskFacts
from bench.run.comparison import ComparisonRun
from bench.run.deadline import Deadline
from bench.run.gate.parts import Part
from bench.run.metering import Metering
from bench.run.recording import counts_of
from bench.run.source import code_of, runtime_of
from bench.store import Journal
from bench.store.cache import key_of

Tell = Callable[[str, str], None]


def build_parts(plan: Plan, builder: Builder, metering: Metering, machine: Mapping[str, Any], tell: Tell) -> list[Part]:
    """Build and grade every cell of a plan, in its order; what fails says why in its facts."""
    return [part for each in plan.comparisons for part in _comparison(each, builder, metering, machine, tell)]


def _comparison(
    comparison: PlannedComparison, builder: Builder, metering: Metering, machine: Mapping[str, Any], tell: Tell
) -> Iterator[Part]:
    built: dict[str, tuple[Side, TaskFacts | None]] = {}
    if comparison.runnable:
        nowhere = Journal(Path(tempfile.gettempdir()) / "never-written")
        run = ComparisonRun(comparison, builder, nowhere, metering, tell, "gate")
        built = {side.id: (side, run.task) for side in run.sides(comparison.runnable)}
        # What a gate asks for from here on is no part of a comparison, whose time would be over before the last cell.
        builder.deadline = metering.deadline = Deadline.each(builder.settings.timeout_s)
    for planned in comparison.cells:
        side, task = built.get(planned.cell.id, (Side(planned), None))
        blank = CellFacts(planned.cell.id, str(planned.cell), machine=fingerprint(dict(machine)))
        yield Part(comparison, side, task, _facts(blank, comparison, side, task))


def _facts(blank: CellFacts, comparison: PlannedComparison, side: Side, task: TaskFacts | None) -> CellFacts:
    if side.planned.route is None:
        return replace(blank, status="unsupported", reason=side.planned.reason)
    if side.failure is not None or side.artifact is None or task is None:
        failure = side.failure
        status, reason = (failure.status, failure.reason) if failure else ("failed", "nothing was built")
        return replace(blank, status=status, reason=reason)
    return replace(
        blank,
        artifact=side.artifact.digest,
        format=side.artifact.format,
        counts=counts_of(side),
        metric=task.metric,
        outcomes=None if side.outcomes is None else rounded(side.outcomes),
        task=task_key(task),
        runtime=runtime_of(comparison.backend),
    )


def task_key(task: TaskFacts) -> str:
    """Return the id of a task's data: outcomes compare example by example only where it is the same."""
    return key_of([task.digest, task.reference, task.examples])[:12]


def probe(part: Part, builder: Builder, *, again: bool = False) -> Part:
    """Add the digest of what a part gives for the example inputs: one first call, remembered by what it ran on.

    With `again` it is called anew, and what it gave then is added: a runtime may not be the same twice. A part that
    cannot be opened stays without: measuring it will say why.
    """
    side, task = part.side, part.task
    if side.artifact is None or task is None or not part.facts.ok:
        return part
    cell, backend = side.planned.cell, part.comparison.backend
    inputs = str(Path(task.folder) / f"example-{cell.batch}.npz")
    code = [code_of(backend), part.facts.runtime, cell.backend_options, cell.device, cell.threads, cell.batch]
    key = key_of(["outputs", side.artifact.digest, code, task.digest, part.facts.machine])
    known = None if again else builder.settings.cache.recall(key)
    if known is None:
        try:
            known = {"outputs": _first_call(part, builder, inputs)}
        except BenchError:
            return part
        if not again:
            builder.settings.cache.remember(key, known)
    outputs = sorted({*part.facts.outputs, str(known["outputs"])})
    return replace(part, facts=replace(part.facts, outputs=tuple(outputs)))


def _first_call(part: Part, builder: Builder, inputs: str) -> str:
    side, backend = part.side, part.comparison.backend
    cell = side.planned.cell
    assert side.artifact is not None
    with builder.worker(cell.threads) as worker:
        options = dict(cell.backend_options)
        builder.ask(worker, "import", target=backend.target, options=options, needs=list(backend.needs))
        artifact = {**side.artifact.to_json(), "lineage": []}
        device = cell.device.rstrip("?")
        more = {"device": device, "threads": cell.threads, "warm": False}
        reply = builder.ask(worker, "open", None, artifact=artifact, inputs=inputs, **more)
        return str(reply["outputs"])
