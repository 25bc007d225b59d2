"""The fixture: verdicts become outcomes, numbers stand in pytest-benchmark's JSON, its comparison goes on working."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.gate.allowed import limits_at
from bench.gate.rule import decide
from bench.reading import Reading
from bench.record import Ratio
from bench.testing import calls, efficiency, files
from bench.testing.measured import Measured

from .conftest import Run

pytest_plugins = ["pytester"]
LATENCY = Reading("s", "measured", 0.0101, 0.0100, 0.0102, 90)
ENERGY = Reading("J", "estimated", 0.5, 0.25, 1.0)
BASELINE = {"latency": Reading("s", "measured", 0.01, 0.0099, 0.0101), "size": Reading.counted(100, "B")}
TEST = "def test_model(efficiency):\n    efficiency({subject}, {more})\n"


def measured(low: float, high: float, **more: Any) -> Measured:
    readings = {"latency": LATENCY, "energy": ENERGY, "memory": Reading("B", "measured", 5e6, 4e6, 6e6)}
    ratio = Ratio((low + high) / 2, low, high, "baseline", "paired launches", 9)
    return Measured({**readings, "size": Reading.counted(101, "B"), **more}, BASELINE, {"latency": ratio}, [0.01, 0.02])


@pytest.fixture(autouse=True)
def answer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Measured]:
    """What measuring gives; no clock decides anything here, except in the one test that is about the real thing."""
    found = [measured(0.98, 1.02)]
    if request.node.get_closest_marker("slow"):
        return found
    monkeypatch.setattr(calls, "measure_calls", lambda *_: found[0])
    monkeypatch.setattr(files.Files, "measure", lambda *_: found[0])
    return found


def write(pytester: pytest.Pytester, more: str = "", subject: str = "lambda: 1") -> None:
    pytester.makepyfile(TEST.format(subject=subject, more=more))


@pytest.mark.parametrize(
    ("low", "high", "outcome", "said"),
    [
        (0.98, 1.02, "passed", ""),
        (0.98, 1.06, "skipped", "INCONCLUSIVE latency: *not decided, paired launches"),
        (1.06, 1.08, "failed", "FAIL latency: 1.070x [[]1.060, 1.080]*allowed +5 %*"),
    ],
)
def test_with_a_baseline_the_latency_is_gated_unasked(
    run: Run, pytester: pytest.Pytester, answer: list, low: float, high: float, outcome: str, said: str
) -> None:
    answer[0] = measured(low, high)
    write(pytester, "baseline='old.onnx'", "'model.onnx'")
    found = run("-rs")
    found.assert_outcomes(**{outcome: 1})
    if said:
        found.stdout.fnmatch_lines([f"*{said}"])


@pytest.mark.parametrize(
    ("floor", "work", "outcome", "said"),
    [
        (0.0, 0.0, "passed", ""),
        (0.12, 0.12, "failed", "FAIL latency: *slower than allowed; 30 launches*"),
        (0.0, 0.12, "failed", "FAIL latency: *as fast, but it takes more processor time*"),
    ],
)
def test_files_are_judged_by_the_rule_of_the_gate(
    run: Run, pytester: pytest.Pytester, answer: list, floor: float, work: float, outcome: str, said: str
) -> None:
    """The interval says nothing here: it lies across the limit in every case."""
    numbers = [[shift + 0.003 * (-1) ** at for at in range(30)] for shift in (floor, work)]
    found = decide(*numbers, limits_at(0.05), comparisons=1)
    answer[0] = dataclasses.replace(measured(0.9, 1.2), decision=found)
    write(pytester, "baseline='old.onnx'", "'model.onnx'")
    result = run("-rs")
    result.assert_outcomes(**{outcome: 1})
    if said:
        result.stdout.fnmatch_lines([f"*{said}"])


@pytest.mark.parametrize("subject", ["lambda: 1", "'model.onnx'"])
def test_the_numbers_stand_in_the_json(run: Run, pytester: pytest.Pytester, subject: str) -> None:
    write(pytester, subject=subject)
    run("--benchmark-json=b.json").assert_outcomes(passed=1)
    (benchmark,) = json.loads((pytester.path / "b.json").read_text(encoding="utf-8"))["benchmarks"]
    extra = benchmark["extra_info"]
    assert (extra["joules"], extra["energy_class"]) == (0.5, "estimated")
    assert (extra["energy"]["low"], extra["energy"]["high"]) == (0.25, 1.0)
    assert (extra["memory"]["value"], extra["memory"]["class"]) == (5e6, "measured")
    assert extra["ratios"]["latency"]["low"] == 0.98
    if "onnx" in subject:
        assert (benchmark["stats"]["mean"], benchmark["stats"]["rounds"]) == (pytest.approx(0.015), 2)


def test_not_comparable_is_no_pass(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, "limits='energy: 9 J'", "'model.onnx'")
    found = run()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["NOT COMPARABLE energy: *an estimate is never gated"])


def test_numbers_are_kept_of_what_failed(run: Run, pytester: pytest.Pytester) -> None:
    write(pytester, "limits='latency: 9 ms'", "'model.onnx'")
    run("--benchmark-json=b.json").assert_outcomes(failed=1)
    (benchmark,) = json.loads((pytester.path / "b.json").read_text(encoding="utf-8"))["benchmarks"]
    assert benchmark["extra_info"]["verdicts"]["latency"][0] == "fail"


def test_the_tools_comparison_goes_on_working(run: Run, pytester: pytest.Pytester, answer: list) -> None:
    write(pytester, subject="'model.onnx'")
    run("--benchmark-save=first").assert_outcomes(passed=1)
    answer[0] = Measured({"latency": LATENCY}, calls=[0.1, 0.1])
    found = run("--benchmark-compare", "--benchmark-compare-fail=mean:10%")
    found.stdout.fnmatch_lines(["*test_model (0001_first)*"])
    assert found.ret != 0
    found.stderr.fnmatch_lines(["*Performance has regressed*"])


def test_options_of_the_marker_stay(run: Run, pytester: pytest.Pytester) -> None:
    test = "import pytest\n@pytest.mark.benchmark(group='mine')\n" + TEST.format(subject="lambda: 1", more="")
    pytester.makepyfile(test)
    run("--benchmark-json=b.json").assert_outcomes(passed=1)
    assert json.loads((pytester.path / "b.json").read_text(encoding="utf-8"))["benchmarks"][0]["group"] == "mine"


def test_disabled_nothing_is_timed_and_sizes_are_judged(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "measure_calls", lambda *_: pytest.fail("timed"))
    monkeypatch.setattr(files.Files, "measure", lambda *_: pytest.fail("timed"))
    (pytester.path / "model.onnx").write_bytes(b"12345")
    pytester.makepyfile(
        "def test_call(efficiency):\n    assert efficiency(lambda: 7, limits='latency: 1 ms').value == 7\n"
        "def test_file(efficiency):\n    efficiency('model.onnx', limits='size: 4 B, latency: 1 ms')\n"
    )
    found = run("--benchmark-disable")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["FAIL size: 5 B; allowed 4 B*"])


def test_without_pytest_benchmark_only_the_fixture_is_gone(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST.format(subject="lambda: 1", more="") + "def test_other():\n    pass\n")
    found = run("-p", "no:benchmark")
    found.assert_outcomes(passed=1, errors=1)
    found.stdout.fnmatch_lines(["*'efficiency' needs pytest-benchmark*"])


def test_a_file_is_not_compared_with_a_call() -> None:
    with pytest.raises(BenchError, match="are both callables, or both files"):
        efficiency.Efficiency(None, None)(lambda: 1, baseline="model.onnx")


@pytest.mark.slow
def test_a_real_file(run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_PLUGINS")
    small_onnx(pytester.path / "model.onnx")
    write(pytester, "limits='size: 1 MB, parameters: 1 k', seconds=0.1", "'model.onnx'")
    found = run("--benchmark-json=b.json")
    found.assert_outcomes(passed=1)
    (benchmark,) = json.loads((pytester.path / "b.json").read_text(encoding="utf-8"))["benchmarks"]
    assert benchmark["stats"]["rounds"] > 100
    assert benchmark["extra_info"]["size"]["class"] == "counted"


def small_onnx(path: Path) -> None:
    """Write a matrix product."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")}
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [shape["x"]], [shape["y"]], [weight]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
