"""A model of one's own whose runtime is elsewhere: the task is held there, all else works where it works."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli.own import own_task
from bench.envs import adopt, of_offer
from bench.plan import Catalogue, make_plan
from bench.run import spawn_child
from bench.suite import OwnModel
from bench.suite.cell import Cell, Step

FILE = Path(__file__).parents[2] / "one_file" / "mine.py"


@pytest.fixture
def house_of_mine(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    house.files, house.spy.make = (FILE,), spawn_child
    np.save(tmp_path / "m.npy", np.array([1.0, -2.0, 0.5]))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexport AWAY=1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    adopt(of_offer(house.catalogue().one("task", "own-npy")), str(python))
    return house


def test_the_task_is_held_where_its_runtime_is(house_of_mine: Any) -> None:
    known = house_of_mine.catalogue()
    task = own_task(OwnModel("m", str(house_of_mine.base / "m.npy"), None, (), Path()), known)
    catalogue = Catalogue.from_offers([*known.offers, task])
    recipes = ((), ("there",), ("here",), ("here", "there", "here"))
    cells = [Cell("s", "m", tuple(Step(each) for each in names), "multiply") for names in recipes]
    records = house_of_mine.run_plan(make_plan(cells, catalogue), catalogue).records
    found = {"+".join(step.name for step in each.cell.recipe) or "none": each for each in records}
    assert {name: each.reason or each.status for name, each in found.items()} == dict.fromkeys(found, "ok")
    assert found["there"].readings["quality"].value == 1.0
    assert 0.5 < found["here"].readings["quality"].value < 1.0
    assert [each["facts"]["given"] for each in found["here+there+here"].lineage] == [[6, 3], [5, 3], [6, 3]]
    assert {each.readings["parameters"].value for each in records} == {3}


def test_in_this_process_it_cannot_be_held(house_of_mine: Any) -> None:
    house_of_mine.settings = {"in_process": True}
    known = house_of_mine.catalogue()
    task = own_task(OwnModel("m", str(house_of_mine.base / "m.npy"), None, (), Path()), known)
    catalogue = Catalogue.from_offers([*known.offers, task])
    (record,) = house_of_mine.run_plan(make_plan([Cell("s", "m", (), "multiply")], catalogue), catalogue).records
    assert record.status == "unsupported"
    assert "not in this process" in record.reason
