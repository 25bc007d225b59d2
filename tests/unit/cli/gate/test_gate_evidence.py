"""The gate doubts itself: its self-test, evidence that outlives a run, time, and what creeps."""

from typing import Any

import pytest


def test_a_gate_that_cannot_see_the_plant_is_unfit(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)
    gated.machine.dull = True
    result = gated.gate("--against", str(kept))
    assert result.exit_code == 6, result.output
    test = result.report["self_test"]
    assert (test["fit"], test["planted"]["outcome"], test["aa"]["outcome"]) == (False, "pass", "pass")
    assert "would miss a real regression" in test["reason"]


def test_a_gate_that_fails_a_byte_copy_is_unfit(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)
    gated.machine.jumpy = {"-copy": 1.05}
    result = gated.gate("--against", str(kept))
    assert (result.exit_code, result.report["self_test"]["aa"]["outcome"]) == (6, "fail")
    gated.machine.jumpy = {}
    assert gated.gate("--against", str(kept)).exit_code == 1  # an unfit self-test is not taken for a fresh one


def test_a_small_gate_reuses_a_fresh_self_test(gated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gated.run()
    for extra in (1, 2):
        gated.write(EXTRA=extra)
        gated.machine.launches.clear()
        result = gated.gate("--against", str(kept))
        tested = sum(len(each) == 3 for each in gated.machine.launches)
        assert (result.exit_code, result.report["self_test"]["reused"], tested > 0) == (1, extra == 2, extra == 1)
    assert any("24 hours" in each for each in result.report["notes"])
    monkeypatch.setattr("bench.run.gate.selftest.FRESH_S", -1.0)
    gated.write(EXTRA=3)
    assert not gated.gate("--against", str(kept)).report["self_test"]["reused"]


def test_a_rerun_does_not_flip_the_coin_again(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)
    first = gated.gate("--against", str(kept))
    gated.machine.launches.clear()
    gated.machine.dull = True  # from now on everything looks alike
    second = gated.gate("--against", str(kept))
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert gated.machine.launches == []
    before, after = (gated.metric(each, "latency") for each in (first, second))
    assert before["channels"] == after["channels"]
    assert "of earlier gates" in after["why"]


def test_undecided_cells_go_on_where_the_last_gate_ended(gated: Any) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    gated.machine.noise = 0.004
    seen = []
    for _ in range(2):
        result = gated.gate("--against", str(kept), "--minutes", "0.000001")
        seen.append(result.exit_code)
    assert seen == [0, 0]
    assert gated.metric(result, "latency")["outcome"] == "inconclusive"
    assert gated.gate("--against", str(kept), "--minutes", "0.000001", "--strict").exit_code == 5
    result = gated.gate("--against", str(kept), "--strict")
    assert (result.exit_code, gated.outcomes(result)["latency"]) == (5, "pass")
    assert "examples" in gated.metric(result, "quality")["why"]  # 200 of them cannot show a point
    (gated.base / "budget.yaml").write_text("quality: -10 pp\n")
    assert gated.gate("--against", str(kept), "--strict", "--budget", "budget.yaml").exit_code == 0


def test_what_creeps_is_seen_against_the_last_release(gated: Any) -> None:
    release = gated.run("release")
    gated.write(PAD=3)
    yesterday = gated.run("yesterday")
    gated.write(EXTRA=1, PAD=3)
    result = gated.gate("--against", str(yesterday), "--creep", str(release))
    assert result.exit_code == 1
    found = gated.outcomes(result)
    assert (found["latency"], found["creep:latency"]) == ("fail", "fail")
    assert "creep:size" in found


def test_more_memory_fails_and_a_warning_does_not(gated: Any) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    gated.machine.peaks = {"": 1.2}
    result = gated.gate("--against", str(kept))
    assert (result.exit_code, gated.outcomes(result)["memory"]) == (1, "fail")
    (gated.base / "budget.yaml").write_text("memory: {limit: +5 %, level: warn}\n")
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
    assert (result.exit_code, gated.outcomes(result)["memory"]) == (0, "warn")


def test_the_smallest_change_is_said(gated: Any) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    result = gated.gate("--against", str(kept))
    assert 0.005 < gated.metric(result, "latency")["smallest"] < 0.03
    assert any("would have been failed here" in each for each in result.report["notes"])


def test_joules_are_judged_only_where_asked_and_never_from_an_estimate(gated: Any) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    assert "energy" not in gated.outcomes(gated.gate("--against", str(kept)))
    (gated.base / "budget.yaml").write_text("energy: [+5 %, 1 mJ]\n")
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
    assert result.exit_code == 4
    (cell,) = (each for each in result.report["cells"] if "· work ·" in each["name"])
    energy = [each for each in cell["metrics"] if each["metric"] == "energy"]
    assert [each["outcome"] for each in energy] == ["not-comparable"] * 2
