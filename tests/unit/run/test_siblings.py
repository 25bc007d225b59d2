"""Two runtimes serve one module: it is compressed once, and what one conversion does is not the other's fault."""

from typing import Any

import pytest

from bench.plan import make_plan
from bench.run import spawn_child
from bench.suite.cell import Cell, Step


@pytest.fixture
def twins(house: Any) -> Any:
    house.files = (house.files[0].parent / "twins.py",)
    return house


def run(house: Any, step: str) -> dict[tuple[str, str], Any]:
    cells = [Cell("s", "twins", recipe, each) for each in ("one", "two") for recipe in ((), (Step(step),))]
    catalogue = house.catalogue()
    records = house.run_plan(make_plan(cells, catalogue), catalogue).records
    return {(each.cell.backend, each.cell.recipe[0].name if each.cell.recipe else "none"): each for each in records}


def test_a_module_is_compressed_once_for_both_runtimes(twins: Any) -> None:
    found = run(twins, "halve")
    assert {each.status for each in found.values()} == {"ok"}
    assert len(twins.spy.of("compress")) == 1
    assert len(twins.spy.of("convert")) == 4
    steps = {key: [each["step"] for each in record.lineage] for key, record in found.items()}
    assert steps[("one", "halve")] == ["halve", "to-first"]
    assert steps[("two", "halve")] == ["halve", "to-second"]
    assert steps[("two", "none")] == ["to-second"]


def test_a_conversion_that_ends_the_worker_costs_only_the_runtime_it_was_for(twins: Any) -> None:
    twins.spy.make = spawn_child
    found = run(twins, "tear")
    assert found[("one", "tear")].status == "ok"
    assert found[("two", "none")].status == "ok"
    broken = found[("two", "tear")]
    assert (broken.status, "exited with code 7" in broken.reason) == ("failed", True)
    assert twins.spy.open == 0
