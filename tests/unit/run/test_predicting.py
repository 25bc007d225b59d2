"""Examples predicted in parts: the same outcomes, each example once, and a part that fails costs its side only."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.run.predicting import Prediction


def prediction(examples: int, batch: int) -> Prediction:
    side: Any = SimpleNamespace(outcomes=None)
    facts: Any = SimpleNamespace(examples=examples, batch=batch)
    return Prediction(side, facts)


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 9))
def test_parts_hold_every_example_once_and_end_between_batches(examples: int, batch: int, shares: int) -> None:
    rows = [part.rows or (0, examples) for part in prediction(examples, batch).parts(shares)]
    assert [row for start, stop in rows for row in range(start, stop)] == list(range(examples))
    assert all(start < stop and start % batch == 0 for start, stop in rows)
    assert len(rows) == min(shares, -(-examples // batch))


def test_outputs_are_joined_in_order_whoever_ends_first(tmp_path: Path) -> None:
    whole = prediction(10, 2)
    last = []
    for part in reversed(whole.parts(3)):
        assert part.rows is not None
        np.savez(tmp_path / "part.npz", y=np.arange(*part.rows))
        last.append(whole.take(part, tmp_path / "part.npz"))
    assert last == [False, False, True]
    whole.join(tmp_path / "whole.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "whole.npz")["y"], np.arange(10))


def test_as_few_sides_as_processors_are_divided_and_give_the_same_outcomes(house: Any, named: Any) -> None:
    whole = named(house.run("same", out="one").records)
    asked = house.spy.of("predict")
    assert all("rows" not in each for each in asked)
    house.base = house.base / "again"
    house.settings, house.spy.requests = {"parallel": 2}, []
    divided = named(house.run("same", out="two").records)
    rows = [tuple(each["rows"]) for each in house.spy.of("predict") if each["batch"] == asked[0]["batch"]]
    assert len(rows) == 4
    assert len(set(rows)) == 2
    assert {name: each.readings["quality"] for name, each in divided.items()} == {
        name: each.readings["quality"] for name, each in whole.items()
    }


def test_more_sides_than_processors_are_not_divided(house: Any) -> None:
    house.settings = {"parallel": 2}
    house.run("same", "cut")
    assert all("rows" not in each for each in house.spy.of("predict"))


def test_a_part_that_fails_costs_its_side_only(house: Any, named: Any) -> None:
    make = house.spy.make

    class Failing:
        """Fails the second part of whatever is not the first artifact that it is asked about."""

        def __init__(self, worker: Any) -> None:
            self.worker = worker

        def __getattr__(self, name: str) -> Any:
            return getattr(self.worker, name)

        def request(self, verb: str, arguments: Any, *, timeout_s: float) -> Any:
            if verb == "predict" and "rows" in arguments:
                digest = arguments["artifact"]["digest"]
                spared = asked.setdefault("spared", digest)
                if digest != spared and arguments["rows"][0] > 0:
                    raise BenchError("this half is broken")
            return self.worker.request(verb, arguments, timeout_s=timeout_s)

    asked: dict[str, str] = {}
    house.spy.make = lambda *given: Failing(make(*given))
    house.settings = {"parallel": 2}
    records = named(house.run("cut").records)
    assert records["none"].status == "ok"
    assert (records["cut"].status, "this half is broken" in records["cut"].reason) == ("failed", True)
    assert "quality" not in records["cut"].readings
