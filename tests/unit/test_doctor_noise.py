"""What the doctor says of noise and of gates."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import doctor_command
from bench.doctor import GATE_S, examine_noise, gate_promises
from bench.errors import BenchError
from bench.run.noise import Noise

VALID: dict[str, Any] = {"verdict": "valid", "reasons": []}
QUIET = Noise(8, 0.003, 0.006, 0.7, 1e-3, VALID)


def test_a_quiet_machine_and_what_a_gate_finds_there() -> None:
    promises = gate_promises(QUIET)
    assert [each["seconds"] for each in promises] == list(GATE_S)
    assert [each["launches"] for each in promises] == [14, 42, 85]
    changes = [each["smallest_change"] for each in promises]
    assert all(0.005 < each < 0.03 for each in changes)
    assert changes == sorted(changes, reverse=True)
    first, *gates = examine_noise(QUIET, promises)
    assert (first.subject, first.state, first.cure) == ("noise", "ok", "")
    assert "floor 0.30 %, processor time 0.60 % (standard deviation), 700 ms a launch" in first.seen
    assert [each.subject for each in gates] == ["gate 10 s", "gate 30 s", "gate 60 s"]
    assert f"a slow-down of {100 * changes[0]:.1f} % or more fails 4 times in 5 (14 launches" in gates[0].seen


def test_noise_costs_a_gate_its_promise() -> None:
    loud = Noise(8, 0.05, 0.1, 0.7, 1e-3, VALID)
    quiet_changes, changes = ([each["smallest_change"] for each in gate_promises(noise)] for noise in (QUIET, loud))
    assert all(loud_ is None or loud_ > quiet for quiet, loud_ in zip(quiet_changes, changes, strict=True))


@pytest.mark.parametrize("launch_s", [20.0, 5.0])
def test_no_promise_where_nothing_could_be_told(launch_s: float) -> None:
    slow = Noise(4, 0.01, 0.02, launch_s, 1e-3, VALID)
    promises = gate_promises(slow)
    assert promises[0]["smallest_change"] is None
    found = examine_noise(slow, promises)[1]
    assert (found.state, found.subject) == ("note", "gate 10 s")
    assert f"no slow-down can be told from noise by {int(10 / launch_s)} launches" in found.seen
    assert found.cure


def test_a_busy_machine_says_so() -> None:
    busy = Noise(8, 0.01, 0.02, 1.4, 1e-3, {"verdict": "suspect", "reasons": ["other work took 78%"]})
    found = examine_noise(busy, [])[0]
    assert found.state == "note"
    assert "latencies here are suspect: other work took 78%" in found.seen
    assert "stop other work" in found.cure


def doctor(monkeypatch: pytest.MonkeyPatch, measured: Any, *arguments: str) -> Any:
    monkeypatch.setattr("bench.run.noise.measure_noise", measured)
    monkeypatch.setattr(doctor_command, "_meters", lambda catalogue: [])
    ended = CliRunner().invoke(doctor_command.command, ["--json", *arguments], catch_exceptions=False)
    return json.loads(ended.stdout)


def test_the_command_measures_unless_it_is_to_be_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measured() -> Noise:
        asked.append(1)
        return QUIET

    found = doctor(monkeypatch, measured)
    assert found["noise"]["floor_sd"] == 0.003
    assert [each["launches"] for each in found["noise"]["gate"]] == [14, 42, 85]
    assert "noise" in {each["subject"] for each in found["findings"]}
    for option in ("--quick", "--no-noise"):
        quick = doctor(monkeypatch, measured, option)
        assert "noise" not in {each["subject"] for each in quick["findings"]}
        assert "noise" not in quick
    assert asked == [1]


def test_noise_that_cannot_be_measured_is_one_red_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> Noise:
        raise BenchError("the yardstick cannot be measured here: no memory")

    found = {each["subject"]: each for each in doctor(monkeypatch, measured)["findings"]}
    assert (found["noise"]["state"], "no memory" in found["noise"]["seen"]) == ("problem", True)
    assert "processor" in found
