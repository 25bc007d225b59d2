"""The program as a backend: the runner of the guide, and programs that break the protocol in every way."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_command import CommandBackend
from bench_command.session import CommandSession

import bench
from bench.artifact import Artifact
from bench.errors import WorkerError
from bench.run import spawn_child

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "command-backend.md"
OPENED = {"ok": True, "runtime": "stub", "version": "1", "clock": "runner"}
# A runner whose model doubles x; `BREAK` at one request makes it answer something else instead.
STUB = """
    import json, os, sys, time
    import numpy as np
    bound, what, how = {}, sys.argv[1], sys.argv[2]
    for line in sys.stdin:
        asked = json.loads(line)
        do = asked["do"]
        answer = {"ok": True}
        if do == "open":
            answer = {"ok": True, "runtime": "stub", "version": "1", "clock": sys.argv[3]}
        elif do == "bind":
            with np.load(asked["inputs"]) as archive:
                bound[asked["bound"]] = dict(archive)
        elif do == "time":
            answer = {"ok": True, "ns": [1000 + index for index in range(asked["calls"])]}
        elif do == "outputs":
            np.savez(asked["outputs"], output=2 * bound[asked["bound"]]["x"])
        if do == what:
            exec(how)
        print(json.dumps(answer) if not isinstance(answer, str) else answer, flush=True)
"""
X = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    (tmp_path / "model.bin").write_bytes(b"weights")
    return Artifact.of(tmp_path / "model.bin", "stub")


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "stub.py").write_text(textwrap.dedent(STUB))

    def command(what: str = "", how: str = "pass", clock: str = "runner") -> str:
        return shlex.join([sys.executable, str(tmp_path / "stub.py"), what, how, clock])

    return command


@pytest.fixture
def opened(artifact: Artifact) -> Iterator[Callable[..., CommandSession]]:
    sessions: list[Any] = []

    def open_(program: str) -> Any:
        sessions.append(CommandBackend(program, "stub", 120.0).open(artifact, device="cpu", threads=1))
        return sessions[-1]

    yield open_
    for each in sessions:
        each.close()


def test_outputs_come_back_by_name(opened: Any, program: Any) -> None:
    session = opened(program())
    np.testing.assert_array_equal(session.run(X)["output"], 2 * X["x"])
    np.testing.assert_array_equal(session.bind(X)()[0], 2 * X["x"])
    assert session.facts() == {"runtime": "stub", "version": "1", "clock": "runner"}


def test_the_runners_own_nanoseconds_are_taken(opened: Any, program: Any) -> None:
    session = opened(program())
    ns, result = session.time_calls(session.bind(X), 4)
    assert ns == [1000, 1001, 1002, 1003]
    np.testing.assert_array_equal(result[0], 2 * X["x"])


def test_without_a_clock_of_its_own_round_trips_are_timed_here(opened: Any, program: Any) -> None:
    session = opened(program("call", "time.sleep(0.002)", clock="wall"))
    ns, _ = session.time_calls(session.bind(X), 3)
    assert len(ns) == 3
    assert min(ns) >= 2_000_000


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("answer = 'garbage'", "what is no JSON: garbage"),
        ("answer = '[1]'", "what is no object"),
        ("answer = {'done': 1}", "neither ok nor error"),
        ("answer = {'error': 'the phone is gone'}", "the phone is gone"),
        ("print('boom', file=sys.stderr); os._exit(3)", r"ended before it answered 'call' \(exit status 3\).*boom"),
        ("print('x' * (17 << 20), end='')", "longer than 16 MB"),
        ("time.sleep(60)", "did not answer 'call' within 0.5 s"),
        ("answer = '[' * 100_000", "what is no JSON"),
        # in one write: what comes later may come after the look
        (
            "os.write(1, 2 * (json.dumps(answer) + chr(10)).encode())",
            r"said more than it was asked before 'outputs': \{",
        ),
    ],
)
def test_every_failure_has_a_name(how: str, told: str, opened: Any, program: Any) -> None:
    session = opened(program("call", how))
    if "sleep" in how:
        session._runner._patience_s = 0.5
    with pytest.raises(bench.BenchError, match=told):
        session.run(X)


@pytest.mark.parametrize("ns", ["[1]", "'fast'", "[0] * asked['calls']", "[1.5] * asked['calls']", "[True] * 3"])
def test_times_that_are_none_are_refused(ns: str, opened: Any, program: Any) -> None:
    session = opened(program("time", f"answer = {{'ok': True, 'ns': {ns}}}"))
    with pytest.raises(bench.BenchError, match="without 3 whole nanoseconds"):
        session.time_calls(session.bind(X), 3)


def test_answers_given_before_they_are_asked_for_are_no_answers(opened: Any, program: Any) -> None:
    early = "print(json.dumps(answer), flush=True); os.write(1, b'{}')"  # part of a line, not yet read
    session = opened(program("bind", early, clock="wall"))
    # When it arrives only after the look, it spoils the line of the next answer instead.
    with pytest.raises(bench.BenchError, match=r"said more than it was asked before 'call'|no JSON: \{\}\{"):
        session.time_calls(session.bind(X), 3)


def test_a_clock_cannot_count_more_than_passed(opened: Any, program: Any) -> None:
    session = opened(program("time", "answer['ns'] = [10**15] * asked['calls']"))
    with pytest.raises(bench.BenchError, match="3 calls took 3000000000000000 ns; its answer took "):
        session.time_calls(session.bind(X), 3)


def test_endless_complaints_fill_no_disk(opened: Any, program: Any) -> None:
    session = opened(program("call", "sys.stderr.write('x' * (3 << 20) + '\\nlast'); sys.stderr.flush()"))
    call = session.bind(X)
    call()
    call()
    kept = os.fstat(session._runner._errors.fileno())
    assert kept.st_size <= 1 << 20
    assert kept.st_blocks * 512 <= 2 << 20


@pytest.mark.parametrize(
    "how",
    [
        "open(asked['outputs'], 'w').write('no npz')",
        "open(asked['outputs'], 'w')",
        "np.save(open(asked['outputs'], 'wb'), np.zeros(3))",
        "os.unlink(asked['outputs'])",
    ],
)
def test_outputs_that_cannot_be_read_are_an_error(how: str, opened: Any, program: Any) -> None:
    with pytest.raises(bench.BenchError, match="no outputs that can be read"):
        opened(program("outputs", how)).run(X)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({**OPENED, "clock": "sundial"}, "says no clock"),
        ({"ok": True, "clock": "wall"}, "lacks runtime and version"),
    ],
)
def test_an_opening_without_its_facts_is_an_error(answer: Any, told: str, opened: Any, program: Any) -> None:
    with pytest.raises(bench.BenchError, match=told):
        opened(program("open", f"answer = {answer!r}"))


def test_a_runner_may_decline(opened: Any, program: Any) -> None:
    with pytest.raises(bench.Unsupported, match="no such board"):
        opened(program("open", "answer = {'error': 'no such board', 'unsupported': True}"))


@pytest.mark.parametrize(
    ("words", "told"),
    [("", "no program is named"), ("'open", "command line"), ("no-such-program-here x", "there is no")],
)
def test_what_is_no_program_is_unsupported(words: str, told: str, opened: Any) -> None:
    with pytest.raises(bench.Unsupported, match=told):
        opened(words)


def test_control_characters_of_a_program_do_not_reach_the_terminal(opened: Any, program: Any) -> None:
    with pytest.raises(bench.BenchError) as caught:
        opened(program("call", r"answer = {'error': '\x1b[31mred\x07'}")).run(X)
    assert "\x1b" not in str(caught.value)
    assert "red" in str(caught.value)


def _alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _alive(pid)


def _worker_with(program: str, artifact: Artifact, tmp_path: Path) -> Any:
    np.savez(tmp_path / "x.npz", **X)
    worker = spawn_child(1, None)
    options = {"program": program, "format": "stub"}
    worker.request("import", {"target": "bench_command:CommandBackend", "options": options, "needs": []}, timeout_s=60)
    where = {"device": "cpu", "threads": 1, "inputs": str(tmp_path / "x.npz")}
    header = worker.request("open", {"artifact": artifact.to_json(), **where}, timeout_s=60).data
    return worker, header


@pytest.mark.slow
def test_a_worker_records_the_runners_clock_and_none_of_its_own_readings(
    artifact: Artifact, program: Any, tmp_path: Path
) -> None:
    worker, header = _worker_with(program(), artifact, tmp_path)
    try:
        samples = worker.request("block", {"n": 5, "core": None, "seed": 0}, timeout_s=60).arrays["samples"]
    finally:
        worker.close()
    assert header["clock"] == "runner"
    assert header["inference_peak_bytes"] is None
    assert "phases" not in header
    assert samples[:6].tolist() == [1000, 1001, 1002, 1003, 1004, 0]  # the last: no processor time of the worker's


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the program in /proc")
@pytest.mark.parametrize("way", ["close", "kill -9"])
def test_a_program_that_never_ends_dies_with_its_worker(
    way: str, artifact: Artifact, program: Any, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    how = (
        f"open({str(note)!r}, 'w').write(str(os.getpid())); import signal; signal.signal(signal.SIGTERM, lambda *_: 0)"
    )
    worker, _ = _worker_with(program("open", how), artifact, tmp_path)
    pid = int(note.read_text())
    assert _alive(pid)
    if way == "close":
        worker.close()
    else:
        os.kill(worker.pid, 9)
        with pytest.raises(WorkerError):
            worker.request("block", {"n": 1, "core": None, "seed": 0}, timeout_s=60)
        worker.close()
    assert _gone(pid)


@pytest.mark.slow
def test_the_runner_of_the_guide_keeps_the_rules(exported: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the guide's runner needs onnxruntime")
    from bench_torch import TorchBackend

    from bench.testing.conformance import check_backend

    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "runner.py").write_text(code)
    backend = CommandBackend(shlex.join([sys.executable, str(tmp_path / "runner.py")]))
    reference = TorchBackend().open(exported.torch, device="cpu", threads=1)
    only = ["outputs", "batches", "inputs", "wrong-name", "wrong-shape", "broken-file", "device"]
    check_backend(backend, exported.onnx, inputs=exported.make, reference=reference.run, only=only).assert_kept()


def test_the_guide_answers_every_request_that_is_sent() -> None:
    source = "".join(
        (Path(__file__).parents[2] / "plugins" / "bench_command" / "session.py").read_text(encoding="utf-8").split()
    )
    asked = set(re.findall(r'ask\("(\w+)"', source))
    assert asked
    text = GUIDE.read_text(encoding="utf-8")
    assert {each for each in asked if not re.search(rf'\{{"do": "{each}"', text)} == set()
    for line in re.findall(r"`(\{\"do\".*?\})`", text):
        json.loads(line.replace("PATH", '"p"'))
