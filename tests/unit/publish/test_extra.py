"""Columns from outside that hold readings: class, unit and interval are theirs, and unlike ones never mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.publish.view import build_view
from bench.reading import Reading
from bench.record import Record

Make = Callable[..., Record]


def grams(value: float, of: str) -> Reading:
    return Reading("g", "estimated", value, value / 2, value * 2, 7, facts={"of": of, "domains": ["package"]})


def column(records: list[Record], values: list[Any]) -> tuple[Any, list[Any]]:
    view = build_view(records, title="t", generated="now", extra_columns={"CO2eq": values}, notes=("Carbon: <b>",))
    (group,) = view.groups
    assert group.notes[-1] == "Carbon: <b>"
    cells = {row.anchor: row.cells[-1] for row in group.rows}
    return group.columns[-1], [cells[f"r-{each.id}"] for each in records]


def test_a_reading_keeps_its_unit_interval_and_class(make: Make) -> None:
    records = [make("a"), make("b", "prune")]
    head, cells = column(records, [grams(0.004, "measured joules"), Reading.missing("g", "no meter")])
    assert (head.label, head.unit) == ("CO2eq", "mg")
    assert (cells[0].text, cells[0].note, cells[0].badge) == ("4.0", "[2.0, 8.0]", "estimated")
    assert (cells[1].text, cells[1].note, cells[1].badge, cells[1].sort) == ("—", "no meter", "unavailable", None)


def test_what_was_made_of_unlike_joules_is_never_sorted_together(make: Make) -> None:
    records = [make("a"), make("b", "prune"), make("c", "quantize")]
    made_of = [(2.0, "estimated joules"), (1.0, "measured joules"), (3.0, "estimated joules")]
    _, cells = column(records, [grams(*each) for each in made_of])
    assert cells[0].block == cells[2].block != cells[1].block


def test_numbers_and_texts_are_as_they_were(make: Make) -> None:
    head, cells = column([make("a"), make("b", "prune")], [1.5, "red"])
    assert head.unit == ""
    assert [(each.text, each.badge) for each in cells] == [("1.500", ""), ("red", "")]
