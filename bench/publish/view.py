"""From records to the whole page as finished strings: a pure function, so that the templates stay dumb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.publish import groups as group_room
from bench.publish.chart import chart_of
from bench.publish.context import Context
from bench.publish.detail import sheet
from bench.publish.model import SHAPES, GroupView, View
from bench.publish.rows import by_id, columns, outage, ran, rows
from bench.publish.text import slug, visible
from bench.reading import CLASSES
from bench.record import BadRecord, Record

Extra = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Page:
    """What all groups of a page share; anchors and values of extra columns are keyed by `id(record)`."""

    anchors: Mapping[int, str]
    titles: tuple[str, ...]
    values: Mapping[int, Sequence[Any]]
    notes: tuple[str, ...]


def build_view(
    records: Sequence[Record],
    *,
    title: str,
    generated: datetime | str,
    extra_columns: Extra | None = None,
    notes: Sequence[str] = (),
    detailed: bool = True,
) -> View:
    """Return the page of these records, with the details of each when `detailed`.

    `extra_columns` maps a title to one value per record, in their order; `notes` are said of every group. Raises
    BadRecord for a record whose options are no mapping.
    """
    _refuse_damaged(records)
    extra = dict(extra_columns or {})
    page = _Page(_anchors(records), tuple(extra), by_id(records, extra), tuple(visible(each) for each in notes))
    found = group_room.grouped(records)
    places = group_room.places(found)
    views = tuple(_group(page, key, members, place) for (key, members), place in zip(found, places, strict=True))
    tasks: dict[str, list[GroupView]] = {}
    for view in views:
        tasks.setdefault(view.task, []).append(view)
    return View(
        title=visible(title, 120),
        generated=visible(f"{generated:%Y-%m-%d %H:%M}" if isinstance(generated, datetime) else generated, 60),
        summary=_summary(records, len(views)),
        groups=views,
        sheets=tuple(sheet(each, page.anchors[id(each)]) for each in records) if detailed else (),
        opening=views[group_room.opening(found)].anchor if views else "",
        anchors=tuple(page.anchors[id(each)] for each in records),
        by_task=tuple((task, tuple(members)) for task, members in tasks.items()),
    )


def _group(page: _Page, key: str, members: Sequence[Record], place: str) -> GroupView:
    running = [each for each in members if ran(each)]
    context = Context.of(running)
    heads, used = columns(context, page.titles, page.values)
    return GroupView(
        anchor=group_room.anchor(key, members),
        task=visible(members[0].cell.task, 80),
        place=place,
        facts=group_room.facts(key, members),
        columns=heads,
        rows=rows(context, page.anchors, used, page.titles, page.values),
        outages=tuple(outage(each, page.anchors[id(each)]) for each in members if not ran(each)),
        chart=chart_of(context, page.anchors),
        notes=(*_notes(running), *page.notes),
    )


def _refuse_damaged(records: Sequence[Record]) -> None:
    for each in records:
        options = [each.cell.backend_options, *(step.options for step in each.cell.recipe)]
        if not all(isinstance(own, Mapping) for own in options):
            raise BadRecord(
                f"record {visible(each.id, 60)} is damaged: the options of a step or backend are no mapping",
                cure="leave the record out, or measure the cell again",
            )


def _notes(running: Sequence[Record]) -> tuple[str, ...]:
    kinds = {each.class_of_energy for each in running} - {"unavailable"}
    notes = []
    if len(kinds) > 1:
        named = ", ".join(f"{SHAPES[each]} {each}" for each in CLASSES if each in kinds)
        notes.append(f"Energy here is of several classes ({named}): it is sorted inside each class, never across.")
    if kinds == {"estimated"}:
        notes.append(
            "All energy here is ○ estimated, from processor time: for comparing rows, not for claims of savings."
        )
    return tuple(notes)


def _summary(records: Sequence[Record], n_groups: int) -> tuple[str, ...]:
    """Return what the page holds: results, what did not run, and how energy was obtained."""
    running = [each for each in records if ran(each)]
    statuses = Counter(each.status for each in records if not ran(each))
    classes = Counter(each.class_of_energy for each in running)
    energy = ", ".join(f"{classes[each]} {SHAPES[each]} {each}" for each in CLASSES if classes[each])
    lost = ", ".join(f"{count} {visible(status, 20)}" for status, count in statuses.items())
    parts = [_count(len(running), "result"), f"in {_count(n_groups, 'comparable group')}"]
    return (" ".join(parts), f"did not run: {lost}" if lost else "", f"energy: {energy}" if energy else "")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _anchors(records: Sequence[Record]) -> dict[int, str]:
    """Return the permanent anchor of each record's details by `id(record)`: made of its id, and unique on the page."""
    seen: Counter[str] = Counter()
    out: dict[int, str] = {}
    for each in records:
        name = f"r-{slug(str(each.id), 64) or 'x'}"
        seen[name] += 1
        out[id(each)] = name if seen[name] == 1 else f"{name}.{seen[name]}"
    return out
