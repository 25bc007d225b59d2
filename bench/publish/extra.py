"""Columns handed in from outside: numbers, texts, and readings with their class and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.publish.cells import extra_cell, reading_cell
from bench.publish.context import provenance
from bench.publish.format import AS_IS, Scale, figure_of, scale_for
from bench.publish.model import Cell, Column
from bench.publish.text import plain, visible
from bench.reading import Reading
from bench.record import Record

Values = Mapping[int, Sequence[object]]  # by `id(record)`: one value a column


def extra_columns(titles: Sequence[str], records: Sequence[Record], values: Values) -> tuple[Column, ...]:
    """Return the columns; one of readings has their unit."""
    scales = [_scale(each) for each in _by_column(titles, records, values)]
    named = enumerate(zip(titles, scales, strict=True))
    return tuple(Column(f"extra{index}", visible(title, 60), scale.label) for index, (title, scale) in named)


def extra_cells(titles: Sequence[str], records: Sequence[Record], values: Values) -> dict[int, list[Cell]]:
    """Return each record's cells by `id(record)`; readings of unlike provenance lie in blocks that never mix."""
    out: dict[int, list[Cell]] = {id(each): [] for each in records}
    for column in _by_column(titles, records, values):
        scale = _scale(column)
        kinds = sorted({_kind(each) for each in column if isinstance(each, Reading)})
        for record, value in zip(records, column, strict=True):
            own = isinstance(value, Reading)
            cell = reading_cell(value, scale, badge=True, block=kinds.index(_kind(value))) if own else extra_cell(value)  # type: ignore[arg-type]
            out[id(record)].append(cell)
    return out


def _by_column(titles: Sequence[str], records: Sequence[Record], values: Values) -> list[list[object]]:
    return [[values[id(each)][index] for each in records] for index in range(len(titles))]


def _scale(column: Sequence[object]) -> Scale:
    readings = [each for each in column if isinstance(each, Reading)]
    figures = [each for each in map(figure_of, readings) if each is not None]
    return scale_for(visible(readings[0].unit, 20), (each.value for each in figures)) if readings else AS_IS


def _kind(reading: Reading) -> tuple[tuple[int, str], str]:
    """Return what readings share that may be sorted together: what they were made of counts too (`of`)."""
    return provenance(reading), plain(reading.facts.get("of"))
