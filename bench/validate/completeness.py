"""Whether all is there: every cell of the suite has its record, every launch its number, and nothing is hidden."""

from __future__ import annotations

from collections.abc import Iterator

from bench.validate.finding import Finding, of, whole
from bench.validate.submission import Submission


def completeness(submission: Submission) -> Iterator[Finding]:
    """Yield a finding for every cell without a record, record without a cell, and launch that is gone."""
    suite = submission.facts.get("suite")
    listed = suite.get("cells") if isinstance(suite, dict) else None
    if not isinstance(listed, list) or not submission.facts.get("id") or not submission.facts.get("machine"):
        yield whole("completeness", "run.json with its id, machine and the cells of its suite", "one that lacks them")
        return
    for cell in listed:
        if cell not in submission.records:
            yield whole("completeness", f"a record of every cell of the suite, failed ones too: {cell}", "none")
    for cell, record in submission.records.items():
        if cell not in listed:
            yield of(record, "completeness", "a cell of the suite", "one that the suite does not hold")
    yield from _measured(submission)
    yield from _hidden(submission)
    yield from _numbered(submission)
    for text in submission.damaged:
        yield whole("samples", "a journal of which every file can be read", text)


def _measured(submission: Submission) -> Iterator[Finding]:
    for comparison, journal in submission.launches.items():
        cells = dict.fromkeys(cell for each in journal.values() for cell in each.samples)
        for cell in cells:
            if cell not in submission.records:
                expected = f"a record of {cell}, which launches of {comparison} measured"
                yield whole("completeness", expected, "none: it was dropped")


def _hidden(submission: Submission) -> Iterator[Finding]:
    """Find cells that are said never to have run, and did."""
    for record in submission.records.values():
        launches = [name for name, each in submission.journal_of(record.cell).items() if record.cell.id in each.samples]
        if record.status == "unsupported" and launches:
            yield of(record, "completeness", "no launch of what is unsupported here", f"{len(launches)} in its journal")


def _numbered(submission: Submission) -> Iterator[Finding]:
    """Find numbers that are missing: a journal never leaves one out, and what was set aside keeps its own."""
    for comparison in submission.launches:
        place = submission.folder.journal.folder / comparison
        names = (
            {int(each.name[:5]) for each in place.glob("[0-9][0-9][0-9][0-9][0-9].npz*")} if place.is_dir() else set()
        )
        for number in sorted(set(range(1, max(names, default=0) + 1)) - names):
            yield whole("completeness", f"launch {number:05d} of {comparison}, which a later one follows", "none")
