"""Conversions are checked against their source on calibration inputs; one that changed the model is never measured."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.envs import adopt, of_offer
from bench.errors import Unsupported
from bench.plan import make_plan
from bench.run import spawn_child
from bench.run.conversions import _load
from bench.suite.cell import Cell


@pytest.fixture
def converted(house: Any) -> Any:
    house.files = (house.files[0].parent / "converted.py",)
    return house


def run(house: Any, *backends: str, task: str = "filed", device: str = "cpu", out: str = "out") -> list[Any]:
    cells = [Cell("s", task, (), each, device=device) for each in backends]
    catalogue = house.catalogue()
    return list(house.run_plan(make_plan(cells, catalogue), catalogue, out).records)


def check_of(record: Any) -> dict[str, Any]:
    return dict(record.lineage[-1]["conversion"])


def test_an_honest_conversion_has_its_figures_on_the_record(converted: Any) -> None:
    (record,) = run(converted, "opens-honest")
    assert record.status == "ok"
    assert check_of(record) == {
        "verdict": "same",
        "max_abs": 0.0,
        "max_rel": 0.0,
        "top1": 1.0,
        "examples": 32,
        "tolerance": 1e-3,
        "reference": "numpy",
        "by": "opens-honest",
    }
    assert json.loads(json.dumps(record.to_json()))["lineage"][-1]["conversion"]["examples"] == 32


def test_rounding_is_within_tolerance_and_reported(converted: Any) -> None:
    (record,) = run(converted, "opens-hair")
    found = check_of(record)
    assert (record.status, found["verdict"]) == ("ok", "same")
    assert 0 < found["max_rel"] < 1e-6


def test_a_converter_that_changes_weights_fails_its_cell_before_anything_is_measured(converted: Any) -> None:
    (record,) = run(converted, "opens-lying")
    assert record.status == "failed"
    assert record.reason.startswith("conversion: to-lying (plain to lying) changed: relative error 0.")
    assert not record.readings
    found = check_of(record)
    assert (found["verdict"], found["tolerance"], found["examples"]) == ("changed", 1e-3, 32)
    assert found["max_rel"] > 0.1
    assert found["top1"] < 1.0
    assert not converted.spy.of("open")
    assert {str(each["inputs"]).rpartition("/")[2] for each in converted.spy.of("predict")} == {"0001.npz"}


def test_nothing_of_a_changed_model_is_kept(converted: Any) -> None:
    run(converted, "opens-lying")
    run(converted, "opens-lying", out="again")
    assert len(converted.spy.of("convert")) == 2


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        ("opens-added", "other outputs than the source's: 'extra' new (the source gives 1, the result 2)"),
        ("opens-shaped", "output 'output' has shape [32, 3, 1]; the source gives [32, 3]"),
        ("opens-broken", "output 'output' has values that are not finite where the source has numbers"),
    ],
)
def test_outputs_that_cannot_be_compared_are_a_changed_model(converted: Any, backend: str, why: str) -> None:
    (record,) = run(converted, backend)
    assert (record.status, record.reason.startswith("conversion: ")) == ("failed", True)
    assert why in record.reason


def test_a_single_output_may_be_renamed_and_the_record_says_so(converted: Any) -> None:
    (record,) = run(converted, "opens-renamed")
    assert (record.status, check_of(record)["renamed"]) == ("ok", {"output": "logits"})


def test_a_converter_may_be_lossy_on_purpose_or_state_its_tolerance(converted: Any) -> None:
    lossy, loose = run(converted, "opens-lossy", "opens-loose")
    assert (lossy.status, check_of(lossy)["verdict"], check_of(lossy)["tolerance"]) == ("ok", "lossy", None)
    assert check_of(lossy)["max_rel"] > 0.1
    assert (loose.status, check_of(loose)["verdict"], check_of(loose)["tolerance"]) == ("ok", "same", 5.0)


def test_what_no_backend_here_runs_is_unchecked_and_says_why(converted: Any) -> None:
    (record,) = run(converted, "opens-closed", device="card")
    why = "the result, 'closed', cannot be run: no backend here opens 'closed' on the processor"
    assert (record.status, check_of(record)) == ("ok", {"verdict": "unchecked", "reason": why})


def test_a_task_without_calibration_inputs_leaves_a_conversion_unchecked(converted: Any) -> None:
    (record,) = run(converted, "opens-honest", task="shy")
    assert (record.status, check_of(record)["verdict"]) == ("ok", "unchecked")
    assert "there is none" in check_of(record)["reason"]


def test_a_module_is_run_in_memory_before_a_converter_has_it(converted: Any) -> None:
    kept, spoilt = run(converted, "opens-kept", "opens-spoilt", task="held")
    assert (kept.status, check_of(kept)["verdict"]) == ("ok", "same")
    assert (spoilt.status, check_of(spoilt)["verdict"]) == ("failed", "changed")
    assert spoilt.reason.startswith("conversion: spoil (module to spoilt)")


def test_a_cached_conversion_is_not_checked_again_and_keeps_its_figures(converted: Any) -> None:
    (first,) = run(converted, "opens-honest")
    asked = len(converted.spy.of("examples"))
    (again,) = run(converted, "opens-honest", out="again")
    assert check_of(again) == check_of(first)
    assert (asked, len(converted.spy.of("examples"))) == (1, 1)


def test_workers_of_the_check_end_and_its_files_go(converted: Any) -> None:
    converted.spy.make = spawn_child
    (record,) = run(converted, "opens-honest")
    assert (record.status, converted.spy.open) == ("ok", 0)
    assert not list((converted.base / "cache" / "work").glob("*/*.npz"))


def test_a_tasks_comparisons_share_its_inputs_and_what_the_source_answered(converted: Any) -> None:
    run(converted, "opens-honest", "opens-hair")
    assert len(converted.spy.of("examples")) == 1
    checked = [each["artifact"]["format"] for each in converted.spy.of("predict")]
    assert checked.count("plain") == 1


def test_what_is_converted_in_another_environment_is_checked_like_the_rest(
    converted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    converted.spy.make = spawn_child
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    adopt(of_offer(next(each for each in converted.catalogue().of("converter") if each.name == "to-far")), str(python))
    honest, lying = run(converted, "opens-far", "opens-far-lying")
    assert (honest.status, check_of(honest)["verdict"]) == ("ok", "same")
    assert (lying.status, check_of(lying)["verdict"]) == ("failed", "changed")
    assert lying.reason.startswith("conversion: to-far-lying (plain to far-lying) changed: relative error")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[128:]])
def test_an_answer_that_is_damaged_is_unsupported_and_no_traceback(damage: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "answer.npz", y=np.zeros(100))
    (tmp_path / "answer.npz").write_bytes(damage((tmp_path / "answer.npz").read_bytes()))
    with pytest.raises(Unsupported, match="what it answered cannot be read"):
        _load(tmp_path / "answer.npz")
    with (tmp_path / "answer.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(Unsupported, match="what it answered cannot be read"):
        _load(tmp_path / "answer.npz")
