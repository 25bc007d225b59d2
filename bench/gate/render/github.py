"""Workflow commands of GitHub Actions: every finding an annotation on the line of the suite that asked for it."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from bench.gate.render.words import counts, failing, fate, notable, plain, sentence, state, verdict, word, worst_first
from bench.gate.verdicts import OK, CellVerdict, GateReport, Place

LONGEST = 4000  # characters of one message; GitHub cuts an annotation at 64 kB
# GitHub shows ten errors and ten warnings a step: the worst come first, and the rest is counted in the last line.
_LEVELS = {"fail": "error", "error": "error", "not-comparable": "error", "warn": "warning", "unsupported": "notice"}
_OF_POLICY = {"fail": "error", "warn": "warning", "pass": "notice"}


def workflow_commands(report: GateReport, root: Path | None = None) -> str:
    """Return one workflow command a line. Files are named relative to `root`: GITHUB_WORKSPACE, else this folder.

    Escaping as GitHub's own toolkit does it (actions/toolkit, packages/core/src/command.ts).
    """
    base = root or Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    lines = [line for cell in worst_first(report) for line in _of_cell(cell, report, base)]
    level = "notice" if report.exit_code == OK else "error"
    more = fate(report)
    said = f"{verdict(report)}: {report.suite} against {report.against}: {counts(report)}" + (
        f"; {more}" if more else ""
    )
    return "\n".join([_command(level, "bench gate", said, None, base), *lines]) + "\n"


def _of_cell(cell: CellVerdict, report: GateReport, base: Path) -> list[str]:
    name = state(cell)
    if why := failing(cell):
        return [_command(_LEVELS[name], f"{word(name)} {cell.name}", why, cell.place, base)]
    return [
        _command(
            _LEVELS.get(each.outcome) or ("notice" if each.accepted else _OF_POLICY[report.inconclusive]),
            f"{word(each.outcome)} {each.metric}: {cell.name}",
            sentence(each),
            each.place or cell.place,
            base,
        )
        for each in notable(cell)
    ]


def _command(level: str, title: str, message: str, place: Place | None, base: Path) -> str:
    where = {"file": _relative(place.file, base), "line": str(place.line)} if place else {}
    properties = {**where, "title": plain(title, 200)}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{_data(plain(message, LONGEST))}"


def _relative(file: str, base: Path) -> str:
    """Return a path as GitHub wants it: from the root of the checkout, with slashes."""
    path = PurePath(plain(file))
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
