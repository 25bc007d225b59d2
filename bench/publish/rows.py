"""From the records of one group to its rows: ranked ones first, then those that must not be ranked, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.publish.cells import validity
from bench.publish.columns import SPECS
from bench.publish.context import Context, provenance
from bench.publish.extra import Values, extra_cells, extra_columns
from bench.publish.format import TO, figure_of
from bench.publish.model import Cell, Column, Outage, Row
from bench.publish.rank import rank_ranges, rank_text
from bench.publish.text import block, visible
from bench.record import Record
from bench.suite.cell import recipe_name

RECIPE_COLUMNS = (
    Column("rank", "Rank", "", "By median latency; a range where 95 % intervals overlap"),
    Column("recipe", "Recipe", "", "The compressor steps, in order", numeric=False),
)


def columns(context: Context, extra: Sequence[str], values: Values) -> tuple[tuple[Column, ...], tuple[int, ...]]:
    """Return the group's columns and the indices of their SPECS; columns that nobody filled are left out."""
    used = tuple(index for index, spec in enumerate(SPECS) if spec.shown(context))
    own = extra_columns(extra, context.records, values)
    return (*RECIPE_COLUMNS, *(SPECS[index].column(context) for index in used), *own), used


def rows(
    context: Context, anchors: Mapping[int, str], used: Sequence[int], extra: Sequence[str], values: Values
) -> tuple[Row, ...]:
    """Return the rows of a group, by rank and then by name; `anchors` and `values` are keyed by `id(record)`."""
    reasons = {id(each): unranked(context, each) for each in context.records}
    ranked = [each for each in context.records if not reasons[id(each)]]
    found = [figure_of(each.readings["latency"]) for each in ranked]
    ranges = rank_ranges([each for each in found if each is not None])
    order = sorted(zip(ranked, ranges, strict=True), key=lambda pair: (pair[0].readings["latency"].value, pair[1]))
    cells = [(record, Cell(rank_text(*each), sort=record.readings["latency"].value)) for record, each in order]
    rest = [each for each in context.records if reasons[id(each)]]
    cells += [(each, Cell("—", tone="dim")) for each in sorted(rest, key=_unranked_order)]
    out, own = [], extra_cells(extra, context.records, values)
    for record, rank in cells:
        title, options = recipe_lines(record)
        place = visible(record.cell.backend_name, 80) if context.several else ""
        recipe = Cell(title, " · ".join(part for part in (place, options) if part), sort=f"{title} {options}")
        made = [SPECS[index].make(context, record) for index in used]
        out.append(Row(anchors[id(record)], (rank, recipe, *made, *own[id(record)]), reasons[id(record)]))
    return tuple(out)


def _unranked_order(record: Record) -> tuple[float, str]:
    found = figure_of(record.readings.get("latency"))
    return (math.inf if found is None else found.value, recipe_name(record.cell.recipe))


def unranked(context: Context, record: Record) -> str:
    """Return why a record has no rank, "" when it has one.

    Only valid latencies of the strongest provenance class in the group are ranked: an estimate never beside a
    measurement.
    """
    latency = record.readings.get("latency")
    if latency is None or figure_of(latency) is None:
        return "no latency"
    word, reasons = validity(record)
    if word != "valid" or latency.verdict != "valid":
        listed = reasons or [visible(each) for each in latency.reasons]
        return (
            f"{word if word != 'valid' else visible(latency.verdict)}: {'; '.join(listed) or 'no reason was recorded'}"
        )
    if provenance(latency) != context.strongest:
        return f"latency is {latency.class_}: not ranked beside stronger evidence"
    return visible(latency.facts.get("not_ranked", ""))


def outage(record: Record, anchor: str) -> Outage:
    """Return what is said of a cell that did not run."""
    place = f" on {visible(record.cell.backend_name)}" if record.cell.backend else ""
    reason = visible(record.reason or "no reason was recorded")
    return Outage(anchor, name_of(record) + place, record.status, reason, block(record.detail) if record.detail else "")


def name_of(record: Record) -> str:
    """Return a record's recipe as people read it."""
    return visible(recipe_name(record.cell.recipe), 200)


def name_in(context: Context, record: Record) -> str:
    """Return a record's recipe, with its backend where the group has several."""
    place = f" on {visible(record.cell.backend_name, 80)}" if context.several else ""
    return name_of(record) + place


def recipe_lines(record: Record) -> tuple[str, str]:
    """Return a recipe on two lines: the names of its steps, and their options in the same order."""
    steps = record.cell.recipe
    if not steps:
        return "none", "the baseline"
    options = [visible(step, 160).removeprefix(visible(step.name, 160)).strip("()") or TO for step in steps]
    shown = " + ".join(options) if any(each != TO for each in options) else ""
    return visible(" + ".join(visible(step.name, 60) for step in steps), 100), visible(shown, 120)


def ran(record: Record) -> bool:
    """Whether a record belongs into the table: it ran to its end."""
    return record.status == "ok"


def by_id(records: Sequence[Record], extra: Mapping[str, Sequence[object]]) -> dict[int, list[object]]:
    """Return the extra columns' values by `id(record)`; a short sequence leaves the rest empty."""
    return {
        id(each): [values[at] if at < len(values) else None for values in extra.values()]
        for at, each in enumerate(records)
    }
