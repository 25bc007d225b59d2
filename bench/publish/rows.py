"""From the records of one group to its rows: ranked ones first, then those that must not be ranked, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.publish.cells import validity
from bench.publish.columns import SPECS
from bench.publish.context import Context, provenance
from bench.publish.extra import Values, extra_cells, extra_columns
from bench.publish.format import TO, Figure, figure_of
from bench.publish.model import Cell, Column, Outage, Row
from bench.publish.rank import rank_ranges, rank_text
from bench.publish.text import block, mapping, visible
from bench.record import Record
from bench.suite.cell import OFFLINE, SERVER, recipe_name

RECIPE = Column("recipe", "Recipe", "", "The compressor steps, in order", numeric=False)
RANKED_BY = {"throughput": "throughput, the most first", "max_rate": "highest rate within the bound, the most first"}


def columns(context: Context, extra: Sequence[str], values: Values) -> tuple[tuple[Column, ...], tuple[int, ...]]:
    """Return the group's columns and the indices of their SPECS; columns that nobody filled are left out."""
    used = tuple(index for index, spec in enumerate(SPECS) if spec.shown(context))
    own = extra_columns(extra, context.records, values)
    by = RANKED_BY.get(headline(context), "median latency")
    rank = Column("rank", "Rank", "", f"By {by}; a range where 95 % intervals overlap")
    return (rank, RECIPE, *(SPECS[index].column(context) for index in used), *own), used


def rows(
    context: Context, anchors: Mapping[int, str], used: Sequence[int], extra: Sequence[str], values: Values
) -> tuple[Row, ...]:
    """Return the rows of a group, by rank and then by name; `anchors` and `values` are keyed by `id(record)`."""
    reasons = {id(each): unranked(context, each) for each in context.records}
    ranked = [each for each in context.records if not reasons[id(each)]]
    name = headline(context)
    ranges = rank_ranges([_cost(each, name) for each in ranked])
    order = sorted(zip(ranked, ranges, strict=True), key=lambda pair: (_cost(pair[0], name).value, pair[1]))
    cells = [(record, Cell(rank_text(*each), sort=_cost(record, name).value)) for record, each in order]
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


def headline(context: Context) -> str:
    """Return the name of the reading that a group is ranked by: its scenario's metric, as in MLPerf.

    Throughput for offline; for server the highest rate within the bound, where one was searched for; else the latency.
    """
    cell = context.records[0].cell if context.records else None
    if cell is None or cell.scenario not in (OFFLINE, SERVER):
        return "latency"
    if cell.scenario == OFFLINE:
        return "throughput"
    return "max_rate" if "p99" in cell.scenario_options else "latency"


def _cost(record: Record, name: str) -> Figure:
    """Return the figure that ranks a record, the lowest first: of what is better high, the negative."""
    found = figure_of(record.readings[name])
    assert found is not None
    if name == "latency":
        return found
    return Figure(-found.value, *(None if end is None else -end for end in (found.high, found.low)))


def unranked(context: Context, record: Record) -> str:
    """Return why a record has no rank, "" when it has one.

    Only valid numbers of the strongest provenance class in the group are ranked: an estimate never beside a
    measurement. Before its performance counts, a record must meet the suite's target of quality, if there is one.
    """
    name = headline(context)
    latency = record.readings.get(name)
    if latency is None or figure_of(latency) is None:
        return f"no {name.replace('_', ' ')}"
    if mapping(record.limits.get("quality_loss")).get("ok") is False:
        return "the quality target is not met"
    word, reasons = validity(record)
    if word != "valid" or latency.verdict != "valid":
        listed = reasons or [visible(each) for each in latency.reasons]
        return (
            f"{word if word != 'valid' else visible(latency.verdict)}: {'; '.join(listed) or 'no reason was recorded'}"
        )
    if provenance(latency) != context.strongest:
        return f"{name.replace('_', ' ')} is {latency.class_}: not ranked beside stronger evidence"
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
