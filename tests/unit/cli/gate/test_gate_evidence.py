"""The gate doubts itself: its self-test, evidence that outlives a run, time, and what creeps."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.gate.facts import CellFacts
from bench.run.gate import evidence
from bench.run.gate.pair import Rules
from bench.store import Cache
from bench.store.folder import open_run
from bench.suite.cell import Cell


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


def test_two_gates_at_once_lose_nothing_of_one_another(tmp_path: Path) -> None:
    cache, cell = Cache(tmp_path), Cell("s", "t", (), "b")
    base, mine = (CellFacts("c", "c", artifact=f"sha256:{name}") for name in "ab")
    for launch in range(1, 4):  # both began with nothing, and write after every launch
        for gate in ("one", "other"):
            seen = {name: [float(launch)] * launch for name in evidence.CHANNELS}
            evidence.remember(cache, base, mine, cell, gate, seen)
    found = evidence.recall(cache, base, mine, cell)
    assert found is not None
    assert found["floor"] == [3.0] * 6


@pytest.mark.parametrize("channels", [{"floor": [1.0]}, {"floor": ["x"], "work": [], "memory": []}, [1]])
def test_damaged_evidence_is_none(tmp_path: Path, channels: Any) -> None:
    cache, cell = Cache(tmp_path), Cell("s", "t", (), "b")
    base, mine = (CellFacts("c", "c", artifact=f"sha256:{name}") for name in "ab")
    key = evidence._key(base, mine, cell)
    for kept in ({"channels": channels}, {"gates": {"one": channels}}, {"gates": 3}):
        cache.remember(key, {"schema": evidence.VERSION, **kept})
        assert evidence.recall(cache, base, mine, cell) is None
    whole = {name: [0.5, 0.25] for name in evidence.CHANNELS}
    cache.remember(key, {"schema": evidence.VERSION, "channels": whole})  # as it was kept before there were gates
    assert evidence.recall(cache, base, mine, cell) == whole


def test_a_gate_writes_into_no_run_and_shares_no_folder(gated: Any) -> None:
    kept = gated.run()
    before = sorted(each.name for each in (kept / "journal").rglob("*.npz"))
    assert gated.gate("--against", str(kept), out="kept").exit_code == 2
    assert sorted(each.name for each in (kept / "journal").rglob("*.npz")) == before
    with open_run(gated.base / "shared"):
        error = gated.gate("--against", str(kept), out="shared").exception
    assert isinstance(error, BenchError)
    assert "in use" in str(error)


def test_every_test_that_may_give_a_false_alarm_has_its_share_of_alpha(gated: Any, monkeypatch: Any) -> None:
    """Latency and memory of a timed cell, its quality where outcomes differ; against each baseline; and a budget."""
    seen: list[int] = []

    def rules(limits: Any, memory: float, comparisons: int) -> Any:
        seen.append(comparisons)
        return Rules(limits, memory, comparisons)

    monkeypatch.setattr("bench.run.gate.gate.Rules", rules)
    kept = gated.run()
    (gated.base / "budget.yaml").write_text("quality: -10 pp\n")
    against = ("--against", str(kept), "--minutes", "0.000001")
    gated.gate(*against)  # nothing differs: nothing is tested
    gated.write(PAD=2)
    gated.gate(*against)
    gated.write(WRONG=1)
    gated.gate(*against)
    gated.gate(*against, "--creep", str(kept))
    gated.write((gated.base / "gated.yaml").read_text() + "limits: {quality_drop: 1 pp}\n", WRONG=1)
    gated.gate(*against)
    assert seen == [1, 2, 3, 6, 4]
