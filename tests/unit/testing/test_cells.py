"""Suites as test files: what is collected, what each outcome becomes, and that nothing is run twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict, SelfTest
from bench.reading import Reading
from bench.record import Record
from bench.suite.cell import Cell, Step
from bench.testing import running

from .conftest import SUITE, Run

pytest_plugins = ["pytester"]
BASE = Cell("toys", "toy", (), "onnxruntime")
PRUNED = Cell("toys", "toy", (Step("prune", {"sparsity": 0.5}),), "onnxruntime")


class Command:
    """Stands for `bench` in a process of its own: keeps what it was asked, answers what it was told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, document: Any, code: int = 0, stderr: str = "") -> None:
        self.asked: list[list[str]] = []
        self.answer = SimpleNamespace(returncode=code, stdout=json.dumps(document), stderr=stderr)
        monkeypatch.setattr(running, "start", self.run)

    def run(self, command: Sequence[str], **_: Any) -> Any:
        assert list(command[:3]) == [sys.executable, "-m", "bench"]
        self.asked.append(list(command[3:]))
        return self.answer


def records(*found: Record) -> dict[str, Any]:
    return {"records": [each.to_json() for each in found]}


def record(cell: Cell, ok: bool | None = True, limit: str = "size", **more: Any) -> Record:
    readings = {"size": Reading.counted(8776, "B"), "latency": Reading("s", "measured", 0.01, 0.009, 0.011)}
    limits = {limit: {"limit": 1000.0, "value": 8776.0, "ok": ok}}
    return Record("r", **{"status": "ok", "cell": cell, "readings": readings, "limits": limits, **more})


def gate(*cells: CellVerdict, **more: Any) -> dict[str, Any]:
    return GateReport("toys", "main", cells, **more).to_json()


def verdict(cell: Cell, outcome: str, why: str = "so it is") -> CellVerdict:
    return CellVerdict(cell.id, str(cell), (MetricVerdict("latency", "paired", outcome, why),))  # type: ignore[arg-type]


def test_every_cell_is_an_item_and_nothing_is_run(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(monkeypatch, None)
    found = run("--collect-only", "-q", suite)
    found.stdout.fnmatch_lines(
        [
            "toys.yaml::toy[[]none · onnxruntime cpu single-stream]",
            "toys.yaml::toy[[]prune(sparsity=0.5) · onnxruntime cpu single-stream]",
        ]
    )
    assert command.asked == []


def test_only_suites_that_are_named_are_collected(run: Run, suite: str, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", other="name: x\n", nested="a:\n  bench: 1\n")
    assert run("--collect-only").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run("--collect-only", "other.yaml", "nested.yaml").ret != 0
    run("--collect-only", "--bench-collect").stdout.fnmatch_lines(["*2 tests collected*"])


def test_a_mistake_in_a_suite_is_shown_with_its_place(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", wrong=SUITE.replace("backend:", "bakend:"))
    found = run("wrong.yaml")
    found.stdout.fnmatch_lines(["*wrong.yaml:6:3: unknown key 'bakend'. Did you mean 'backend'?"])
    assert found.ret == pytest.ExitCode.INTERRUPTED


def test_limits_kept_and_broken(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(monkeypatch, records(record(BASE), record(PRUNED, ok=False)))
    found = run(suite)
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["size: 8.776 kB where 1.000 kB is allowed"])
    ((verb, file, *rest),) = command.asked
    assert (verb, Path(file).name, rest[0]) == ("run", "toys.yaml", "--only")
    assert rest[1] == f"id={BASE.id},{PRUNED.id}"
    assert rest[-1] == "--json"


@pytest.mark.parametrize(
    ("more", "outcome", "said"),
    [
        ({"status": "unsupported", "reason": "no route"}, "skipped", "unsupported: no route"),
        ({"ok": None}, "skipped", "INCONCLUSIVE: size was not read"),
        ({"status": "failed", "reason": "worker died"}, "failed", "failed: worker died"),
        ({"status": "oom", "reason": "4 GB"}, "failed", "oom: 4 GB"),
    ],
)
def test_what_else_a_record_may_be(
    run: Run, suite: str, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], outcome: str, said: str
) -> None:
    Command(monkeypatch, records(record(BASE), record(PRUNED, **more)), code=3)
    found = run(suite, "-rs")
    found.assert_outcomes(passed=1, **{outcome: 1})
    found.stdout.fnmatch_lines([f"*{said}*"])


def test_a_busy_machine_breaks_no_latency_limit(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = {"verdict": "suspect", "reasons": ["other work"]}
    slow = record(PRUNED, ok=False, limit="latency_p50", validity=busy)
    Command(monkeypatch, records(record(BASE, ok=False, validity=busy), slow))
    found = run(suite, "-rs")
    found.assert_outcomes(failed=1, skipped=1)  # the size does not depend on the machine
    found.stdout.fnmatch_lines(["*INCONCLUSIVE: latency_p50*suspect: other work*"])


def test_only_what_is_selected_is_run(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(monkeypatch, records(record(PRUNED)))
    run(suite, "-k", "prune").assert_outcomes(passed=1, deselected=1)
    assert command.asked[0][3] == f"id={PRUNED.id}"


def test_the_gate_is_asked_once(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = Command(monkeypatch, gate(verdict(BASE, "pass"), verdict(PRUNED, "fail", "slower")), code=1)
    options = ("--bench-against", "main", "--bench-minutes", "2", "--bench-output", tmp_path)
    found = run(suite, *options)
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["FAIL latency: slower"])
    (words,) = command.asked
    assert words[0] == "gate"
    where = f"--against main --only id={BASE.id},{PRUNED.id} -o {tmp_path / 'toys'}"
    assert " ".join(words[2:]) == f"{where} --format json --minutes 2"


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [("inconclusive", "skipped"), ("warn", "passed"), ("not-comparable", "failed"), ("pass", "passed")],
)
def test_outcomes_of_the_gate(
    run: Run, suite: str, monkeypatch: pytest.MonkeyPatch, outcome: str, becomes: str
) -> None:
    Command(monkeypatch, gate(verdict(PRUNED, outcome, "the reason")))
    found = run(suite, "--bench-against", "main", "-k", "prune", "-rs")
    found.assert_outcomes(deselected=1, **{becomes: 1})
    if becomes == "skipped":
        found.stdout.fnmatch_lines(["SKIPPED*INCONCLUSIVE latency: the reason"])


def test_undecided_fails_where_the_gate_was_to(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Command(monkeypatch, gate(verdict(PRUNED, "inconclusive"), inconclusive="fail"), code=5)
    run(suite, "--bench-against", "main", "-k", "prune").assert_outcomes(failed=1, deselected=1)


def test_an_unfit_gate_passes_nothing(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = SelfTest(False, reason="the plant was not seen")
    Command(monkeypatch, gate(verdict(BASE, "pass"), verdict(PRUNED, "pass"), self_test=unfit), code=6)
    found = run(suite, "--bench-against", "main")
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(["UNFIT:*the plant was not seen"])


def test_a_command_without_an_answer_fails_every_cell(run: Run, suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Command(monkeypatch, None, code=2, stderr="error: no such revision: nain")
    found = run(suite, "--bench-against", "nain")
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(["error: no such revision: nain"])


def test_cells_are_not_measured_side_by_side(run: Run, suite: str, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_collection(session): session.config.workerinput = {'workerid': 'gw0'}")
    run(suite, "--collect-only", "-p", "no:benchmark").stdout.fnmatch_lines(["*run it without -n"])


def test_the_plugin_costs_nothing_when_unused() -> None:
    lines = ("import sys, pytest", "before = set(sys.modules)", "import bench.testing.pytest_plugin")
    code = "\n".join([*lines, "print(sorted(set(sys.modules) - before))"])
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(ended.stdout.replace("'", '"'))
    assert set(loaded) == {"bench", "bench.testing", "bench.testing.pytest_plugin"}


@pytest.mark.slow
def test_a_real_suite(run: Run, suite: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_PLUGINS")
    quick = SUITE + "measure: {repeat: until ci < 90% or 1s, min_launches: 2, rounds: 2, idle: 0s, timeout: 2min}\n"
    pytester.makefile(".yaml", toys=quick, tight=quick.replace("20 MB", "1 kB"))
    found = run(suite, "tight.yaml", "--bench-output", "kept")
    found.assert_outcomes(passed=2, failed=2)
    found.stdout.fnmatch_lines(["size: * where 1.000 kB is allowed"])
    assert (pytester.path / "kept" / "toys" / "records.jsonl").exists()
