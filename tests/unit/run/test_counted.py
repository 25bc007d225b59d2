"""A runtime that counts: a cell whose windows are not what they seem is invalid, with the reason."""

from typing import Any

import pytest

from .conftest import FILES


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, None),
        ({"per_call": 0}, "the runtime executed 0 graphs for "),
        ({"compiles": 1}, "graphs while it was timed"),
    ],
)
def test_a_miscounted_cell_is_invalid(house: Any, options: dict[str, int], says: str | None) -> None:
    house.files = (*house.files, FILES / "counting.py")
    house.backend, house.backend_options = "counting", options
    for record in house.run("same").records:
        assert record.status == "ok"
        assert (record.validity["verdict"] == "invalid") == (says is not None)
        assert says is None or any(says in each for each in record.validity["reasons"])
        latency = record.readings["latency"]
        assert (latency.verdict == "invalid") == (says is not None)
