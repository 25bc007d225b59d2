"""Cells: stable ids, what a comparison shares, and the trip through JSON."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.suite import Cell, Step, recipe_name

STEADY = settings(deadline=None, derandomize=True)

CELL = Cell(
    "s", "toy", (Step("prune", {"sparsity": 0.5}), Step("quantize")), "torch", backend_options={"compile": True}
)
OPTIONS = st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(max_size=3) | st.booleans(), max_size=3)
STEPS = st.builds(Step, st.sampled_from(["prune", "quantize"]), OPTIONS)
CELLS = st.builds(
    Cell, st.just("s"), st.sampled_from(["a", "b"]), st.lists(STEPS, max_size=3).map(tuple), st.just("torch"),
    batch=st.integers(1, 9), backend_options=OPTIONS,
)  # fmt: skip


@STEADY
@given(CELLS)
def test_json_round_trip(cell):
    assert Cell.from_json(cell.to_json()) == cell
    assert Cell.from_json(cell.to_json()).id == cell.id


@STEADY
@given(CELLS, CELLS)
def test_ids_differ_when_cells_do(one, other):
    same = {**one.to_json(), "suite": ""} == {**other.to_json(), "suite": ""} and repr(one) == repr(other)
    assert same <= (one.id == other.id)


def test_the_id_does_not_depend_on_the_suite_or_the_order_of_options():
    assert replace(CELL, suite="other").id == CELL.id
    turned = [Step("x", dict(pairs)) for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])]
    assert len({replace(CELL, recipe=(step,)).id for step in turned}) == 1


def test_the_comparison_is_the_baseline_s_id():
    assert CELL.comparison == CELL.baseline().id != CELL.id
    assert CELL.baseline().is_baseline
    assert replace(CELL, batch=2).comparison != CELL.comparison


def test_people_read_names():
    assert recipe_name(CELL.recipe) == "prune(sparsity=0.5) + quantize"
    assert recipe_name(()) == "none"
    assert str(replace(CELL, threads=4)) == (
        "toy · prune(sparsity=0.5) + quantize · torch(compile=True) cpu single-stream threads=4"
    )
