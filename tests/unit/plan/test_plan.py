"""Plans: cells that share all but the recipe are one comparison; the baseline comes first and is always there."""

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.offer import Offer, Option
from bench.plan import Catalogue, make_plan
from bench.suite.cell import Cell, Step

OFFERS = (
    Offer("task", "t", "m:t", produces=("onnx",)),
    Offer("backend", "ort", "m:o", accepts=("onnx",)),
    Offer("backend", "lite", "m:l", accepts=("tflite",)),
    Offer("backend", "gone", "m:g", accepts=("onnx",), needs=("no_such_package",), extra="torch"),
    Offer("compressor", "q", "m:q", accepts=("onnx",), produces=("onnx",), options=(Option("x"),)),
    Offer(
        "compressor", "lost", "m:n", accepts=("onnx",), produces=("onnx",), needs=("no_such_package",), extra="torch"
    ),
)
BASE = Cell("s", "t", (), "ort")


def q(x: int) -> Cell:
    return replace(BASE, recipe=(Step("q", {"x": x}),))


def plan(*cells: Cell):
    return make_plan(cells, Catalogue.from_offers(OFFERS))


def test_the_baseline_is_added_and_comes_first() -> None:
    (comparison,) = plan(q(1), q(2)).comparisons
    assert [each.cell for each in comparison.cells] == [BASE, q(1), q(2)]
    assert comparison.id == BASE.id
    assert (comparison.task.name, comparison.backend.name) == ("t", "ort")


def test_a_cell_given_twice_is_measured_once() -> None:
    (comparison,) = plan(q(1), BASE, q(1), BASE).comparisons
    assert [each.cell for each in comparison.cells] == [BASE, q(1)]


def test_what_differs_in_more_than_the_recipe_is_another_comparison() -> None:
    others = [
        replace(BASE, **change)
        for change in ({"batch": 8}, {"threads": 2}, {"device": "cuda:0"}, {"backend_options": {"a": 1}})
    ]
    found = plan(BASE, *others, q(1)).comparisons
    assert len(found) == 5
    assert [len(each.cells) for each in found] == [2, 1, 1, 1, 1]
    assert len(plan(BASE, *others, q(1)).cells) == 6


@pytest.mark.parametrize(
    ("recipes", "sizes"), [(0, [1]), (1, [2]), (5, [6]), (6, [6, 2]), (10, [6, 6]), (11, [6, 6, 2])]
)
def test_bundles_of_at_most_six_each_with_the_baseline(recipes: int, sizes: list[int]) -> None:
    (comparison,) = plan(BASE, *(q(x) for x in range(recipes))).comparisons
    bundles = comparison.bundles()
    assert [len(each) for each in bundles] == sizes
    assert all(each[0].cell == BASE for each in bundles)
    assert [each.cell for bundle in bundles for each in bundle[1:]] == [q(x) for x in range(recipes)]


def test_a_baseline_that_cannot_run_takes_the_rest_with_it() -> None:
    (comparison,) = plan(replace(q(1), backend="lite")).comparisons
    assert comparison.runnable == ()
    base, other = comparison.cells
    assert base.reason == "no route from onnx to lite (it opens tflite)"
    assert "no route" in str(other.reason)


def test_missing_packages_are_named_with_the_cure() -> None:
    (comparison,) = plan(replace(BASE, backend="gone")).comparisons
    assert (
        comparison.cells[0].reason
        == "backend 'gone' needs no_such_package, not installed here: pip install 'joulebench[torch]'"
    )
    (comparison,) = plan(replace(BASE, recipe=(Step("lost"),)), q(1)).comparisons
    assert [each.route is None for each in comparison.cells] == [False, True, False]
    assert "compressor 'lost' needs no_such_package" in str(comparison.cells[1].reason)


@pytest.mark.parametrize("change", [{"task": "u"}, {"backend": "orte"}, {"recipe": (Step("qq"),)}])
def test_names_that_nobody_offers_stop_the_plan(change: dict[str, object]) -> None:
    with pytest.raises(BenchError, match="is called"):
        plan(replace(BASE, **change))


def test_an_empty_plan() -> None:
    assert plan().cells == ()


def test_a_device_that_the_backend_leaves_out_is_unsupported() -> None:
    backend = replace(OFFERS[1], facts={"devices": ["cpu"]})
    catalogue = Catalogue.from_offers((OFFERS[0], backend))
    cells = [replace(BASE, device=device) for device in ("cpu", "cpu:0", "gpu", "cuda:0?")]
    found = [each.reason for each in make_plan(cells, catalogue).cells]
    assert found[:2] == [None, None]
    assert found[2:] == [f"backend 'ort' runs on cpu, not on '{each}'" for each in ("gpu", "cuda:0?")]


@pytest.mark.parametrize("reason", [None, "there is no 'cuda:0' here: NVIDIA's driver is not installed"])
def test_a_card_that_is_not_here_is_unsupported_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    monkeypatch.setattr("bench.plan.plan.why_no_card", lambda device: reason if "cuda" in device else None)
    catalogue = Catalogue.from_offers((OFFERS[0], replace(OFFERS[1], facts={"devices": ["cpu", "cuda"]})))
    cells = [replace(BASE, device=device) for device in ("cpu", "cuda:0?")]
    assert [each.reason for each in make_plan(cells, catalogue).cells] == [None, reason]
