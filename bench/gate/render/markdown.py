"""The report as Markdown: a comment on a pull request, and the summary of a workflow's step.

The verdict comes first, then what did not pass, then the rest, folded. What does not fit is left out from the end and
counted: a comment of GitHub's ends at 65,536 characters (bytes are counted here, which is stricter), a step summary at
1 MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.gate.render.escape import code, marker, prose
from bench.gate.render.words import (
    change_text,
    counts,
    failing,
    fate,
    notable,
    ratio_text,
    smallest_text,
    state,
    verdict,
    word,
    worst_first,
)
from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict

COMMENT_BYTES, SUMMARY_BYTES = 65_536, 1_048_576
LEAST_BYTES = 8_192  # below this not even the head fits with certainty
NOTE_BYTES = 600  # kept free for the note on what was left out
LONG, SHORT = 300, 80  # characters of a sentence and of a name
HEAD = "| verdict | cell | metric | baseline to candidate | ratio | allowed | why |\n|---|---|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Part:
    """Rows under a head, dropped from the end where they do not fit; `noun` names what was dropped."""

    head: str
    rows: Sequence[str]
    tail: str
    noun: str


def md_comment(report: GateReport, limit: int = COMMENT_BYTES) -> str:
    """Return a comment below `limit` bytes of UTF-8: what did not pass in full, the rest one line a cell."""
    passed = [each for each in worst_first(report) if state(each) in ("pass", "unsupported")]
    rest = Part(_folded(_counted(passed)) + "| cell | result |\n|---|---|\n", [_line(each) for each in passed],
                "\n</details>\n\n", "cells that passed or are unsupported")  # fmt: skip
    return _fit(report, [_findings(report), rest, _notes(report)], limit)


def md_summary(report: GateReport, limit: int = SUMMARY_BYTES) -> str:
    """Return a step summary below `limit` bytes of UTF-8: as the comment, with every metric of every cell."""
    rows = [row for cell in worst_first(report) for row in _rows(cell, list(cell.metrics))]
    every = Part(_folded("Every metric of every cell") + HEAD, rows, "\n</details>\n\n", "rows of all metrics")
    return _fit(report, [_findings(report), _notes(report), every], limit)


def _fit(report: GateReport, parts: Sequence[Part], limit: int) -> str:
    """Fill the parts in their order while there is room, then say what was left out."""
    if limit < LEAST_BYTES:
        raise ValueError(f"a report of the gate needs {LEAST_BYTES:,} bytes, not {limit:,}")
    out = _head(report)
    room = limit - NOTE_BYTES - _size(out)
    gone: list[str] = []
    for part in parts:
        if not part.rows:
            continue
        left, kept = room - _size(part.head) - _size(part.tail), []
        for row in part.rows:
            if _size(row) > left:
                break
            left -= _size(row)
            kept.append(row)
        if len(kept) < len(part.rows):
            gone.append(f"{len(part.rows) - len(kept):,} of {len(part.rows):,} {part.noun}")
        if kept:
            out, room = out + part.head + "".join(kept) + part.tail, left
    if gone:
        out += f"**Left out** to stay below {limit:,} bytes: {'; '.join(gone)}. All of it is in `gate.json`.\n"
    return out


def _head(report: GateReport) -> str:
    about = (
        f"{code(report.suite, SHORT)} against {code(report.against, SHORT)}: {counts(report)}; {report.seconds:.0f} s."
    )
    more = fate(report)
    return f"{marker(report.suite)}\n## Gate: {verdict(report)}\n\n{about}\n\n" + (
        f"**{prose(more[:1].upper() + more[1:], LONG)}.**\n\n" if more else ""
    )


def _findings(report: GateReport) -> Part:
    shown = [each for each in worst_first(report) if state(each) not in ("pass", "unsupported") or notable(each)]
    rows = [row for cell in shown for row in _rows(cell, notable(cell))]
    return Part(HEAD, rows, "\n", "rows of what did not pass")


def _rows(cell: CellVerdict, metrics: Sequence[MetricVerdict]) -> list[str]:
    if why := failing(cell):
        return [_row(word(state(cell)), code(cell.name, 2 * SHORT), "", "", "", "", prose(why, LONG))]
    return [_of_metric(cell, each) for each in metrics]


def _of_metric(cell: CellVerdict, metric: MetricVerdict) -> str:
    smallest = smallest_text(metric)
    extra = [f"a change of {smallest} could have been seen"] * bool(smallest)
    extra += [f"accepted: {prose(metric.accepted, LONG)}"] if metric.accepted else []
    why = "; ".join(each for each in (prose(metric.why, LONG), *extra) if each)
    limit = prose(metric.limit or "", SHORT)
    numbers = (
        prose(change_text(metric), SHORT).replace("-&#62;", "\N{RIGHTWARDS ARROW}"),
        prose(ratio_text(metric), SHORT),
        limit,
    )
    return _row(word(metric.outcome), code(cell.name, 2 * SHORT), prose(metric.metric, SHORT), *numbers, why)


def _row(verdict_: str, *cells: str) -> str:
    return f"| {' | '.join((f'**{verdict_}**' if verdict_ != 'PASS' else verdict_, *cells))} |\n"


def _line(cell: CellVerdict) -> str:
    if why := failing(cell):
        return f"| {code(cell.name, 2 * SHORT)} | {prose(why, LONG)} |\n"
    brief = [" ".join([each.metric, ratio_text(each).partition(" ")[0]]).strip() for each in cell.metrics]
    return f"| {code(cell.name, 2 * SHORT)} | {prose(', '.join(brief), LONG)} |\n"


def _counted(cells: Sequence[CellVerdict]) -> str:
    unsupported = sum(state(each) == "unsupported" for each in cells)
    passed = f"{len(cells) - unsupported} passed"
    return passed + (f", {unsupported} unsupported here" if unsupported else "")


def _folded(title: str) -> str:
    return f"<details><summary>{title}</summary>\n\n"


def _notes(report: GateReport) -> Part:
    test, rows = report.self_test, []
    if test is not None:
        sides = {"two identical copies": test.aa, "a planted slow-down": test.planted}
        said = [f"{name} {word(each.outcome)}" for name, each in sides.items() if each is not None]
        reused = ", an earlier one of this machine" if test.reused else ""
        rows.append(f"* Self-test {'fit' if test.fit else '**UNFIT**'}{reused}: {'; '.join(said) or 'no sides'}.\n")
    rows += [f"* {prose(each, LONG)}\n" for each in report.notes]
    return Part("", rows, "\n", "notes")


def _size(text: str) -> int:
    return len(text.encode("utf-8"))
