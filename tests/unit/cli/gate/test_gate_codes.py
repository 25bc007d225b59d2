"""What a gate is there for: every kind of regression has its exit code."""

import json
import shutil
from typing import Any

import pytest

from bench.errors import BenchError


def test_what_is_unchanged_passes_and_nothing_is_timed(gated: Any) -> None:
    kept = gated.run()
    result = gated.gate("--against", str(kept))
    assert (result.exit_code, gated.machine.launches) == (0, []), result.output
    assert set(gated.outcomes(result).values()) == {"pass"}
    assert "nothing to time" in gated.metric(result, "latency")["why"]
    assert result.report["self_test"] is None


def test_a_slower_artifact_fails(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)  # 5 % more work
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 1, result.output
    found = gated.metric(result, "latency")
    assert (found["outcome"], round(found["ratio"][0], 2)) == ("fail", 1.05)
    assert found["place"] == {"file": "gated.yaml", "line": 5}
    assert gated.outcomes(result, "none")["latency"] == "pass"
    assert result.report["self_test"]["fit"]


def test_another_artifact_that_is_as_fast_passes(gated: Any) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    result = gated.gate("--against", str(kept))
    assert (result.exit_code, gated.outcomes(result)["latency"]) == (0, "pass"), result.output
    assert gated.outcomes(result)["memory"] == "pass"


def test_one_byte_over_the_budget_fails(gated: Any) -> None:
    kept = gated.run()
    records = [json.loads(line) for line in (kept / "records.jsonl").read_text().splitlines()]
    size = next(int(each["readings"]["size"]["value"]) for each in records if each["cell"]["recipe"])
    (gated.base / "budget.yaml").write_text(f"size: {size} B\n")
    words = ("--against", str(kept), "--budget", "budget.yaml")
    assert gated.gate(*words).exit_code == 0
    gated.write(PAD=2)
    result = gated.gate(*words)
    assert result.exit_code == 1, result.output
    (cell,) = (each for each in result.report["cells"] if "· work ·" in each["name"])
    failed = [each for each in cell["metrics"] if each["outcome"] == "fail"]
    assert [(each["metric"], each["kind"], each["candidate"]) for each in failed] == [("size", "budget", size + 1)]
    assert (failed[0]["why"], failed[0]["place"]) == ("over the budget by 1 B", {"file": "budget.yaml", "line": 1})


def test_worse_quality_fails(gated: Any) -> None:
    kept = gated.run()
    gated.write(WRONG=3)
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 1, result.output
    assert {name for name, outcome in gated.outcomes(result).items() if outcome == "fail"} == {"quality"}


@pytest.mark.parametrize("exact", [[], ["--exact"]])
def test_a_cell_that_is_gone_is_missing(gated: Any, exact: list[str]) -> None:
    kept = gated.run()
    gated.write((gated.base / "gated.yaml").read_text().replace("[none, work]", "[none]"))
    result = gated.gate("--against", str(kept), *exact)
    assert result.exit_code == 3, result.output
    assert [each["status"] for each in result.report["cells"]] == ["ok", "missing"]
    assert gated.gate("--against", str(kept), "--only", "recipe=none", *exact).exit_code == 0


def test_a_cell_that_cannot_be_built_any_more_is_an_error(gated: Any) -> None:
    kept = gated.run()
    gated.write(WRONG="'x'")
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 3, result.output
    assert "slice indices" in str(result.report["cells"][1]["reason"])


def test_a_run_of_another_machine_without_its_artifacts_is_not_comparable(gated: Any) -> None:
    kept = gated.run(elsewhere=True)
    shutil.rmtree(gated.base / "cache")
    gated.write(EXTRA=1)
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 4, result.output
    latency = gated.metric(result, "latency")
    assert (latency["outcome"], "another machine" in latency["why"]) == ("not-comparable", True)
    assert gated.machine.launches == []
    assert gated.gate("--against", str(kept), "--exact").exit_code == 0


def test_artifacts_of_another_machine_are_measured_again_here(gated: Any) -> None:
    kept = gated.run(elsewhere=True)
    gated.write(EXTRA=1)
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 1, result.output
    assert any("measured again on this one" in each for each in result.report["notes"])


def test_the_same_digest_with_other_outputs_fails(gated: Any) -> None:
    kept = gated.run()
    gated.write(house=lambda text: text.replace("y = x @ w\n", "y = x @ w + 1e-3\n"))
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 1, result.output
    found = gated.metric(result, "outputs")
    assert (found["outcome"], "other outputs" in found["why"]) == ("fail", True)
    assert gated.outcomes(result)["latency"] == "not-comparable"
    assert gated.outcomes(result)["size"] == "pass"


def test_the_same_artifact_on_another_runtime_is_not_passed_silently(gated: Any) -> None:
    kept = gated.run()
    gated.write(house=lambda text: text + "\n# a slower release, for all a digest can say\n")
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 4, result.output
    assert "git revision" in gated.metric(result, "latency")["why"]
    assert gated.outcomes(result)["outputs"] == "pass"


def test_against_nothing_is_a_matter_of_usage(gated: Any) -> None:
    assert gated.gate().exit_code == 2
    error = gated.gate("--against", "no-such-place").exception
    assert isinstance(error, BenchError)
    assert error.exit_code == 2
    assert "neither a run's folder, nor a file, nor a git revision" in str(error)
