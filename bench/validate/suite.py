"""The suite of a submission: the cells it owes, whether its settings were kept, and in which division it stands."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.record import Record
from bench.shelf import shelf
from bench.suite import load
from bench.validate.finding import Finding, of, short, whole
from bench.validate.submission import Submission

CLOSED, OPEN = "closed", "open"
KEPT = ("ci_width", "min_launches", "energy")  # of `measure`, as numbers are derived by them


def suite_of(submission: Submission) -> Mapping[str, Any]:
    """Return the suite as run.json has it, empty where it has none."""
    found = submission.facts.get("suite")
    return found if isinstance(found, Mapping) else {}


def owed(suite: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the ids of the cells that a suite's matrix gives; None where it cannot be read."""
    text = json.dumps({"bench": 1, "name": suite.get("name"), "matrix": suite.get("matrix")})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "suite.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            return tuple(each.id for each in load(file, vocabulary=None, env={}).cells())
        except BenchError:
            return None


def listed(submission: Submission) -> Iterator[Finding]:
    """Find a list of cells that is not the matrix's."""
    suite = suite_of(submission)
    cells, known = owed(suite), suite.get("cells")
    if cells is None:
        yield whole("completeness", "a suite in run.json whose matrix can be read", short(suite.get("matrix")))
    elif isinstance(known, list) and set(map(str, known)) != set(cells):
        gone, more = sorted(set(cells) - set(map(str, known))), sorted(set(map(str, known)) - set(cells))
        expected = f"the {len(cells)} cells that the suite's matrix gives"
        yield whole("completeness", expected, f"{len(known)}: {short(' '.join(gone) or 'none')} gone, {len(more)} more")


def settings(record: Record, submission: Submission) -> Iterator[Finding]:
    """Find numbers that were derived by other settings than the suite's."""
    suite, said = suite_of(submission), record.evidence["settings"]
    measure = suite.get("measure") or {}
    for name in KEPT:
        if said.get(name) != measure.get(name):
            expected = f"{name} {short(measure.get(name))}, as the suite asks"
            yield of(record, "settings", expected, f"{short(said.get(name))} (measure again with --fresh)")
    base = submission.base_of(record)
    theirs = base.evidence.get("settings", {}).get("meter") if base is not None else None
    if said.get("meter") != theirs:
        yield of(record, "settings", f"the estimator of its baseline, {short(theirs)}", short(said.get("meter")))
    if said.get("limits") != suite.get("limits"):
        yield of(record, "settings", f"the suite's limits {short(suite.get('limits'))}", short(said.get("limits")))


def division(submission: Submission) -> tuple[str, list[str]]:
    """Return the division of a submission, and why it is not the closed one."""
    suite = suite_of(submission)
    reasons = [] if _shipped(suite) else ["its suite is not one that joulebench ships, as it ships it"]
    if " -p " in f" {submission.facts.get('reproduce')} " or "--plugin" in str(submission.facts.get("reproduce")):
        reasons.append("it was run with a plugin of its own (-p)")
    return (OPEN if reasons else CLOSED), reasons


def trained(submission: Submission) -> list[str]:
    """Return the names of the steps that trained."""
    steps = (step for each in submission.records.values() for step in each.lineage)
    return sorted({str(step.get("step")) for step in steps if _trains(step)})


def _trains(step: Mapping[str, Any]) -> bool:
    seen = step.get("data")
    shown = isinstance(seen, list) and any(isinstance(each, Mapping) and each.get("split") == "train" for each in seen)
    return bool(step.get("train_s") or step.get("train_samples") or shown)


def _shipped(suite: Mapping[str, Any]) -> bool:
    file = shelf("suites") / Path(str(suite.get("source", ""))).name
    try:
        return file.is_file() and load(file, vocabulary=None, env={}).digest == suite.get("digest")
    except BenchError:
        return False
