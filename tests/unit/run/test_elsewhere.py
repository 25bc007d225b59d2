"""Steps elsewhere: a task's model, compressors and converters made in another interpreter, with data on request."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.envs import adopt, of_offer
from bench.plan import make_plan
from bench.run import spawn_child
from bench.suite.cell import Cell, Step

STEPS = ("scale", "content", "peeks", "greedy", "fits", "learns", "shrinks")


@pytest.fixture
def away(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the house the offers of away.py and the interpreter that they ask for: a wrapper of this one."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    house.files = (Path(shutil.copy(house.files[0].parent / "away.py", tmp_path)),)
    house.spy.make = spawn_child
    return house


def adopted(house: Any, packages: str = "") -> None:
    python = house.base / "python"
    python.write_text(f'#!/bin/sh\nexport AWAY=1{packages}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    adopt(of_offer(house.catalogue().one("task", "away")), str(python))


def run(house: Any, *recipes: tuple[str, ...], out: str = "out") -> dict[str, Any]:
    catalogue = house.catalogue()
    cells = [Cell("s", "away", tuple(Step(each) for each in names), "loud") for names in ((), *recipes)]
    records = house.run_plan(make_plan(cells, catalogue), catalogue, out).records
    return {"+".join(step.name for step in each.cell.recipe) or "none": each for each in records}


def made(house: Any) -> int:
    return len((house.base / "away.made").read_text())


def test_without_the_environment_the_command_is_told(away: Any) -> None:
    found = run(away, ("scale",))
    assert {each.status for each in found.values()} == {"unsupported"}
    assert "bench env build away" in found["none"].reason


def test_what_works_elsewhere_is_given_the_tasks_data(away: Any) -> None:
    adopted(away)
    found = run(away, *((each,) for each in STEPS), ("scale", "home", "content"))
    told = {name: each.reason or each.status for name, each in found.items()}
    assert told["none"] == told["scale"] == told["content"] == told["scale+home+content"] == "ok", told
    assert made(away) == 1
    step, conversion = found["scale"].lineage
    assert step["facts"]["shapes"] == [[4, 3], [3, 3], [3], [2, 3]]
    assert (step["facts"]["all"], step["facts"]["task"], step["facts"]["seed"]) == (20, 5, 0)
    assert conversion["facts"]["representative"] == [7, 3]
    assert str(away.base / "cache" / "envs" / "code") in conversion["facts"]["where"]
    assert [step["kind"], conversion["kind"]] == ["compress", "convert"]
    assert step["seconds"] > step["train_s"] > 0
    assert step["train_samples"] == 12
    assert found["content"].lineage[0]["log"] == ["the train split has 20 examples"]
    assert [each["step"] for each in found["scale+home+content"].lineage] == ["scale", "home", "content", "to-loud"]


def test_what_a_step_elsewhere_cannot_have_is_told(away: Any) -> None:
    adopted(away)
    found = run(away, *((each,) for each in STEPS))
    told = {name: (each.status, each.reason) for name, each in found.items()}
    assert told["peeks"] == (
        "unsupported",
        "a step in an environment of its own is given calibration inputs only, not 'evaluation'",
    )
    assert told["greedy"] == ("unsupported", "the train split has 20 examples")
    for name, asked in (("fits", "fit"), ("learns", "teacher"), ("shrinks", "student")):
        status, reason = told[name]
        assert status == "unsupported"
        assert f"given the file and the task's data, not the task: it has no '{asked}'" in reason


def test_the_model_is_made_once_and_again_in_another_environment(away: Any) -> None:
    adopted(away)
    run(away, ("scale",))
    run(away, ("content",), out="again")
    assert made(away) == 1


def test_in_one_process_there_is_no_elsewhere(away: Any) -> None:
    adopted(away)
    away.settings = {"in_process": True}
    found = run(away, ("scale",))
    assert {each.status for each in found.values()} == {"unsupported"}
    assert "not in this process" in found["none"].reason
