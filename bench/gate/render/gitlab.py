"""GitLab's code quality report: findings on the lines of the suite, in the part of Code Climate's format it reads."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from bench.gate.render.words import failing, notable, plain, sentence, state, word, worst_first
from bench.gate.verdicts import CellVerdict, GateReport, Place

_SEVERITIES = {"fail": "major", "error": "major", "not-comparable": "major", "inconclusive": "minor", "warn": "minor"}
NOWHERE = Place("bench-gate", 1)


def code_quality(report: GateReport) -> str:
    """Return the JSON: everything that did not pass, each with a fingerprint that stays from run to run."""
    found = [issue for cell in worst_first(report) for issue in _of_cell(cell)]
    return json.dumps(found, indent=1).replace("##[", "#\\u0023[") + "\n"


def _of_cell(cell: CellVerdict) -> list[dict[str, Any]]:
    name = state(cell)
    if why := failing(cell):
        return [] if name == "unsupported" else [_issue(cell, "cell", name, why, cell.place)]
    return [
        _issue(cell, each.metric, each.outcome, sentence(each), each.place or cell.place)
        for each in notable(cell)
        if each.outcome in _SEVERITIES
    ]


def _issue(cell: CellVerdict, metric: str, outcome: str, why: str, place: Place | None) -> dict[str, Any]:
    where = place or NOWHERE
    key = "\0".join((cell.id, metric, outcome)).encode("utf-8", "replace")
    return {
        "description": plain(f"{word(outcome)} {metric} of {cell.name}: {why}", 1000),
        "check_name": f"bench-{plain(metric, 60)}",
        "fingerprint": hashlib.sha256(key).hexdigest(),
        "severity": _SEVERITIES[outcome],
        "location": {"path": plain(where.file), "lines": {"begin": where.line}},
    }
