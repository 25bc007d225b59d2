"""Checking a plugin's backends: a small task's model by their own route, another backend's outputs as the reference."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.artifact import Artifact
from bench.envs import code_paths, environments_folder, serving
from bench.errors import BenchError, Unsupported
from bench.offer import Offer
from bench.plan import Catalogue, PlannedComparison, make_plan
from bench.run import Settings, spawn_child
from bench.run.build import Builder
from bench.run.built import Side
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.run.settings import environment, memory_for_workers
from bench.run.spawning import spawn_for
from bench.store import Cache, cache_folder
from bench.suite.cell import Cell
from bench.testing.conformance import CHECKS, Finding, Report
from bench.testing.conformance.subject import BATCHES

TASK = "toy"
# Tried first, in this order: the frameworks that models come from.
USUAL = ("torch", "onnxruntime")
ASK_TIMEOUT_S = 300.0
CHECKS_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Question:
    """What is checked: a backend's offer and options, the task whose model it opens, and the tolerance."""

    backend: Offer
    options: Mapping[str, Any]
    task: str = TASK
    tolerance: float = 1e-3


class Checker:
    """Builds what the checks of a backend need, and runs them where its workers would start."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        settings = Settings(cache=Cache(cache_folder()), spawn=spawn_child, memory_bytes=memory_for_workers())
        self.builder = Builder(settings, catalogue, Ledger(), Metering(settings, catalogue))

    def check(self, asked: Question) -> Report:
        """Return the findings on one backend. Raises Unsupported when it, or anything to compare with, cannot run."""
        mine = self._planned(asked.backend, asked.options, asked.task)
        theirs = self._reference(asked)
        with self.builder.scratch() as folder:
            cases = self._cases(theirs, folder)
            request = {
                "target": mine.backend.target,
                "options": dict(asked.options),
                "artifact": {**self._artifact(mine).to_json(), "lineage": []},
                "cases": cases,
                "tolerance": asked.tolerance,
            }
            return Report(tuple(_findings(asked.backend, request, folder)))

    def _planned(self, offer: Offer, options: Mapping[str, Any], task: str) -> PlannedComparison:
        cell = Cell("check", task, (), offer.name, backend_options=options)
        (comparison,) = make_plan([cell], self.catalogue).comparisons
        if comparison.cells[0].route is None:
            raise Unsupported(f"backend '{offer.name}' cannot run task '{task}' here: {comparison.cells[0].reason}")
        return comparison

    def _reference(self, asked: Question) -> PlannedComparison:
        """Return the first backend of another plugin that runs the task."""
        others = [each for each in self.catalogue.of("backend") if each.plugin != asked.backend.plugin]
        for offer in sorted(others, key=lambda each: USUAL.index(each.name) if each.name in USUAL else len(USUAL)):
            try:
                return self._planned(offer, {}, asked.task)
            except Unsupported:
                continue
        raise Unsupported(
            f"no other backend runs task '{asked.task}' here, so there is nothing to compare with",
            cure="pip install 'joulebench[torch,onnxruntime]'",
        )

    def _artifact(self, comparison: PlannedComparison) -> Artifact:
        side = Side(comparison.cells[0])
        self.builder.build(side, comparison.task)
        assert side.artifact is not None
        return side.artifact

    def _cases(self, reference: PlannedComparison, folder: Path) -> list[list[str]]:
        """Write inputs and the reference's outputs for each batch size; return their places."""
        artifact, task = self._artifact(reference), self.builder.task(reference)
        everything, outputs = Path(task.folder) / "evaluation.npz", folder / "reference.npz"
        worker = spawn_for(reference.backend, self.builder.settings)(1, self.builder.settings.memory_bytes)
        try:
            offer = reference.backend
            load = {"target": offer.target, "options": {}, "needs": list(offer.needs)}
            worker.request("import", load, timeout_s=ASK_TIMEOUT_S)
            files = {"artifact": {**artifact.to_json(), "lineage": []}, "inputs": str(everything)}
            where = {"outputs": str(outputs), "device": "cpu", "threads": 1, "batch": task.batch}
            worker.request("predict", {**files, **where}, timeout_s=ASK_TIMEOUT_S)
        finally:
            worker.close()
        sizes = [each for each in BATCHES if each <= task.examples]
        return [[_first(place, size, folder) for place in (everything, outputs)] for size in sizes]


def backends_of(plugin: str, catalogue: Catalogue) -> list[Offer]:
    """Return the backends that a plugin offers, once a name. Raises BenchError when it offers none."""
    found = {each.name: each for each in catalogue.of("backend") if each.plugin == plugin}
    if not found:
        kinds = sorted({each.kind for each in catalogue.offers if each.plugin == plugin})
        raise BenchError(
            f"plugin '{plugin}' offers no backend ({', '.join(kinds) or 'nothing'}), and the checks are for backends",
            cure="compressors and tasks show what they do in a run: bench run smoke -p FILE",
        )
    return list(found.values())


def _first(place: Path, size: int, folder: Path) -> str:
    target = folder / f"{place.stem}-{size}.npz"
    with np.load(place, allow_pickle=False) as archive:
        np.savez(target, **{name: archive[name][:size] for name in archive.files})
    return str(target)


def _findings(offer: Offer, request: Mapping[str, Any], folder: Path) -> Iterator[Finding]:
    """Run the checks in a process; one that dies costs the check it died in, and another goes on."""
    left = list(CHECKS)
    while left:
        answer, asked = folder / f"answer-{len(left)}.jsonl", folder / f"request-{len(left)}.json"
        asked.write_text(json.dumps({**request, "checks": left}), encoding="utf-8")
        answer.touch()
        ended = _run(offer, [str(asked), str(answer)])
        told = [Finding(**json.loads(line)) for line in answer.read_text(encoding="utf-8").splitlines()]
        yield from told
        left = left[len(told) :]
        if left:
            yield Finding(left.pop(0), "failed", ended)


def _run(offer: Offer, arguments: list[str]) -> str:
    """Run the child where the offer's workers start; return how it ended, in words for a check left unanswered."""
    found = serving(offer)
    variables = {**os.environ, **environment(1)}
    if found is not None:
        variables |= {"PYTHONPATH": os.pathsep.join(map(str, code_paths(offer, environments_folder())))}
    python = found.python if found is not None else sys.executable
    command = [python, "-P", "-X", "faulthandler", "-m", "bench.testing.child", *arguments]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, timeout=CHECKS_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {CHECKS_TIMEOUT_S:.0f} s"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode < 0:
        return f"the process died of {signal.Signals(-done.returncode).name}"
    last = "".join(each if each.isprintable() else " " for each in said[-1])[:300] if said else "it said nothing"
    return f"the process ended (exit status {done.returncode}): {last}"
