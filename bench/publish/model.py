"""What the templates are given: finished strings and sort keys, nothing to compute."""

from __future__ import annotations

from dataclasses import dataclass, field

# Every badge is a shape and a word, so that nothing hangs on colour alone.
SHAPES = {
    "measured": "●",
    "derived": "◐",
    "counted": "■",
    "estimated": "○",
    "unavailable": "\N{EN DASH}",
    "better": "",
    "worse": "",
    "tie": "",
    "valid": "✓",
    "suspect": "!",
    "invalid": "✕",
    "met": "✓",
    "missed": "✕",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    `text` is the figure, `note` its interval or reason, `badge` a key of SHAPES (a provenance class or a verdict) shown
    as shape and word, `tone` "dim" for what must not be relied on. `sort` orders the column (None: last); `block` keeps
    rows apart that must never be ranked together: rows are sorted inside their block only.
    """

    text: str
    note: str = ""
    badge: str = ""
    tone: str = ""
    sort: float | str | None = None
    block: int = 0

    def to_list(self) -> list[object]:
        """Return the cell as a list for the page's own script, empty tail left out."""
        out: list[object] = [self.text, self.note, self.badge, self.tone, self.sort]
        if self.block:
            return [*out, self.block]
        while len(out) > 1 and out[-1] in ("", None):
            out.pop()
        return out


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `key` names it in scripts and links, `unit` is the unit of every cell, `help` explains it."""

    key: str
    label: str
    unit: str = ""
    help: str = ""
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a row's details: lines of cells, with a header line when `head` is given, or a block of text."""

    heading: str
    rows: tuple[tuple[str, ...], ...] = ()
    head: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The details of one record, at its permalink `#anchor`."""

    anchor: str
    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One ranked or unranked row; `unranked` says why it has no rank."""

    anchor: str
    cells: tuple[Cell, ...]
    unranked: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """A cell that did not run: its status, the reason, and a worker's traceback when there is one."""

    anchor: str
    name: str
    status: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a chart, in the chart's own coordinates."""

    x: str
    y: str
    css: str
    shape: str
    whiskers: str
    title: str
    anchor: str
    on_front: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A piece of text in a chart; `place` is start, middle or end."""

    x: str
    y: str
    text: str
    place: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart: every coordinate is a string, and the text alternative is made from the same data."""

    title: str
    alternative: str
    caption: str
    best: tuple[tuple[str, str], ...]
    x_label: str
    y_label: str
    x_ticks: tuple[Label, ...]
    y_ticks: tuple[Label, ...]
    front: str
    dominated: str
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
    legend: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class GroupView:
    """One comparable group: the only thing inside which rows are ranked."""

    anchor: str
    task: str
    place: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    outages: tuple[Outage, ...]
    chart: Chart | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """The whole page; `anchors` are those of the records, in their order."""

    title: str
    generated: str
    summary: tuple[str, ...]
    groups: tuple[GroupView, ...]
    sheets: tuple[Sheet, ...]
    opening: str = ""
    anchors: tuple[str, ...] = ()
    by_task: tuple[tuple[str, tuple[GroupView, ...]], ...] = field(default=())
