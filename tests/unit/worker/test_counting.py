"""Sessions that count: what a block and a metered window say of themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.artifact import Artifact
from bench.worker.local import LocalWorker

FILES = Path(__file__).parents[2] / "one_file"


def opened(tmp_path: Path, target: str, **options: Any) -> LocalWorker:
    np.savez(tmp_path / "model.npz", w=np.ones((4, 2)))
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 4)))
    made = LocalWorker()
    made.request("import", {"target": f"{FILES / target}", "options": options, "needs": []}, timeout_s=5.0)
    artifact = Artifact.of(tmp_path / "model.npz", "npz").to_json()
    more = {"inputs": str(tmp_path / "inputs.npz"), "device": "cpu", "threads": 1, "warm": False}
    made.request("open", {"artifact": artifact, **more}, timeout_s=5.0)
    return made


@pytest.mark.parametrize(("per_call", "compiles"), [(1, 0), (0, 0), (2, 1)])
def test_a_block_says_what_was_counted(tmp_path: Path, per_call: int, compiles: int) -> None:
    worker = opened(tmp_path, "counting.py:Counting", per_call=per_call, compiles=compiles)
    said = worker.request("block", {"n": 5, "core": None, "seed": 0}, timeout_s=5.0).data
    assert said["counted"] == {"calls": 5, "executed": 5 * per_call, "compiled": 5 * compiles}


def test_a_session_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    worker = opened(tmp_path, "house.py:Numpy", repeats=1)
    assert "counted" not in worker.request("block", {"n": 5, "core": None, "seed": 0}, timeout_s=5.0).data


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, None),
        ({"per_call": 0}, "the window was lost: the runtime executed 0 graphs for"),
        ({"compiles": 1}, "the window was lost: the runtime compiled"),
    ],
)
def test_joules_of_a_window_that_is_not_what_it_seems_are_lost(
    tmp_path: Path, options: dict[str, int], why: str | None
) -> None:
    worker = opened(tmp_path, "counting.py:Counting", **options)
    meter = {"target": f"{FILES / 'counting.py'}:Steady", "options": {}}
    found = worker.request("window", {"meter": meter, "seconds": 0.01, "core": None}, timeout_s=5.0).data["reading"]
    assert (found["value"] is None) == (why is not None)
    assert why is None or found["reason"].startswith(why)
