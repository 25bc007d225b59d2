"""The page: templates, styles and script of the shelf, filled with a view, under a policy that runs nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.publish.embed import csp_hash, dumps, for_script, packed
from bench.publish.model import GroupView, View
from bench.publish.view import Extra, build_view
from bench.record import Record
from bench.shelf import shelf

# Up to here every row is in the document, so that the page is whole without JavaScript; beyond, only the first rows of
# the opening group are, and the script builds the rest from compressed data. Details likewise: beyond their limit the
# script makes them of the raw records.
ROWS_IN_DOCUMENT = 1000
ROWS_OF_OPENING_GROUP = 500
SHEETS_IN_DOCUMENT = 100


def render(
    records: Sequence[Record],
    *,
    title: str = "Leaderboard",
    generated: datetime | str,
    extra_columns: Extra | None = None,
    notes: Sequence[str] = (),
    records_link: str = "",
) -> str:
    """Return the leaderboard of these records as one self-contained HTML document.

    `generated` is when the records were read, shown as given (nothing here asks the clock, so that the same input gives
    the same bytes). `extra_columns` maps a title to one value per record, in the records' order: a number, a text, or
    a Reading. `notes` are said above every group's table. `records_link` is the address of a file with the raw records,
    relative to the page, when there is one.
    """
    with _uncollected():
        detailed = len(records) <= SHEETS_IN_DOCUMENT
        view = build_view(
            records, title=title, generated=generated, extra_columns=extra_columns, notes=notes, detailed=detailed
        )
        return _render(view, records, records_link)


def _render(view: View, records: Sequence[Record], records_link: str) -> str:
    whole = len(records) <= ROWS_IN_DOCUMENT
    served = {each.anchor: _served(each, view, whole) for each in view.groups}
    style, script = _static("board.css"), _static("board.js")
    policy = (
        f"default-src 'none'; script-src {csp_hash(script)}; style-src {csp_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            view=view,
            served=served,
            policy=policy,
            style=style,
            script=script,
            config=for_script({"opening": view.opening}),
            rest=packed(dumps(_rest(view, served))),
            raw=packed(_raw(view, records)),
            records_link=records_link,
        )
    )


def _served(group: GroupView, view: View, whole: bool) -> int:
    """Return how many of a group's rows are written into the document."""
    if whole:
        return len(group.rows)
    return min(len(group.rows), ROWS_OF_OPENING_GROUP) if group.anchor == view.opening else 0


def _rest(view: View, served: Mapping[str, int]) -> dict[str, Any]:
    """Return the rows that are not in the document, by group."""
    return {
        group.anchor: [
            [row.anchor, row.unranked, [cell.to_list() for cell in row.cells]]
            for row in group.rows[served[group.anchor] :]
        ]
        for group in view.groups
        if len(group.rows) > served[group.anchor]
    }


def _raw(view: View, records: Sequence[Record]) -> str:
    """Return the records as one JSON object by anchor."""
    named = zip(view.anchors, records, strict=True)
    return "{" + ",".join(f"{dumps(anchor)}:{dumps(record.to_json())}" for anchor, record in named) + "}"


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector off: a page is made of many small objects without cycles, it would only walk them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(shelf("reports") / "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)


@cache
def _static(name: str) -> str:
    return (shelf("reports") / "static" / name).read_text(encoding="utf-8")
