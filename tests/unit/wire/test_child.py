"""Whatever a worker does costs one request, says why, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import WorkerError
from bench.wire import Child

PATIENCE_S = 60.0
OFFER = "import bench\n@bench.compressor('fine')\ndef fine(model, ctx): return model\n"
MB = 1 << 20


def failure(child: Child, arguments: dict[str, Any], timeout_s: float = PATIENCE_S) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        child.request("describe", arguments, timeout_s=timeout_s)
    return caught.value


def test_a_good_worker_answers_twice_and_leaves(start: Any, has_ended: Any) -> None:
    child = start()
    first, second = (child.request("hello", {}, timeout_s=PATIENCE_S).data for _ in range(2))
    assert first["pid"] == second["pid"] == child.pid
    child.close()
    assert has_ended(child.pid)


def test_a_hang_is_a_timeout(start: Any, script: Any, has_ended: Any) -> None:
    child = start()
    child.request("hello", {}, timeout_s=PATIENCE_S)
    error = failure(child, script("print('so far', flush=True)\ntime.sleep(600)"), timeout_s=0.5)
    assert error.status == "timeout"
    assert "no answer to 'describe' within 0.5 s" in error.message
    assert has_ended(child.pid)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("os._exit(7)", "exited with code 7"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_a_crash_says_how_it_ended(start: Any, script: Any, code: str, says: str) -> None:
    error = failure(start(), script(f"print('last words')\n{code}"))
    assert error.status == "failed"
    assert says in error.message
    assert "| last words" in error.message


def test_sigkill_is_most_often_the_memory_killer(start: Any, script: Any) -> None:
    error = failure(start(), script("os.kill(os.getpid(), 9)"))
    assert error.status == "oom"
    assert "SIGKILL" in error.message


def test_a_killed_worker_that_nobody_asked_tells_at_the_next_request(start: Any) -> None:
    child = start()
    child.request("hello", {}, timeout_s=PATIENCE_S)
    os.kill(child.pid, signal.SIGTERM)
    child._process.wait(timeout=PATIENCE_S)
    child.begin("hello", {})
    with pytest.raises(WorkerError, match="SIGTERM"):
        child.finish(timeout_s=PATIENCE_S)


def test_printing_100_mb_harms_nobody(start: Any, script: Any) -> None:
    child = start()
    reply = child.request(
        "describe", script(f"for _ in range(100): sys.stdout.write('x' * {MB})\n{OFFER}"), timeout_s=PATIENCE_S
    )
    assert [each["name"] for each in reply.data["offers"]] == ["fine"]
    assert len(child._tail) <= 20_000


def test_printing_without_end_still_times_out(start: Any, script: Any) -> None:
    child = start()
    child.request("hello", {}, timeout_s=PATIENCE_S)
    assert failure(child, script("while True: print('x' * 1000)"), timeout_s=0.5).status == "timeout"


@pytest.mark.parametrize("garbage", ["b'garbage ' * 100", "b'J'", "b'JBW1' + b'\\xff' * 40"])
def test_garbage_on_the_pipe_is_noticed(start: Any, script: Any, garbage: str) -> None:
    code = f"for each in range(3, 40):\n  try: os.write(each, {garbage})\n  except OSError: pass\n{OFFER}"
    error = failure(start(), script(code))
    assert error.status == "failed"
    assert "no message" in error.message


def test_closing_every_file_is_no_hang(start: Any, script: Any) -> None:
    error = failure(start(), script("os.closerange(3, 64)\ntime.sleep(600)"))
    assert error.status == "failed"
    assert "closed its message pipe" in error.message


def test_memory_beyond_the_limit_fails_inside(start: Any, script: Any) -> None:
    error = failure(start(memory_bytes=300 * MB), script(f"kept = [bytearray({MB}) for _ in range(2000)]"))
    assert error.status == "oom"
    assert "memory" in error.message


@pytest.mark.parametrize("noise", ["", "print('still here')"])
def test_memory_that_no_limit_counts_is_seen_from_outside(start: Any, script: Any, noise: str) -> None:
    """Shared mappings do not count as data; a worker that prints all the time is watched too."""
    half = f"kept.write(b'x' * {200 * MB})\n"
    code = f"import mmap\nkept = mmap.mmap(-1, {400 * MB})\n{half}{half}"
    error = failure(
        start(memory_bytes=300 * MB), script(f"{code}\nwhile True:\n  {noise or 'pass'}\n  time.sleep(0.01)")
    )
    assert error.status == "oom"
    assert "over the limit of 0.31 GB" in error.message


def test_an_answer_that_cannot_be_sent_says_so(start: Any, script: Any) -> None:
    code = "import bench\n@bench.compressor('odd', facts={'x': object()})\ndef odd(model, ctx): return model\n"
    error = failure(start(), script(code))
    assert "cannot be sent" in error.message
    assert "TypeError" in error.message


def test_close_twice_and_after_a_failure(start: Any, script: Any) -> None:
    child = start()
    failure(child, script("os._exit(1)"))
    child.close()
    child.close(grace_s=0.0)
    with pytest.raises(WorkerError, match="was closed before 'hello'"):
        child.request("hello", {}, timeout_s=1.0)


def test_close_ends_what_the_worker_started(start: Any, script: Any, tmp_path: Path, has_ended: Any) -> None:
    """In its group, in a session of their own, and orphaned by a middleman that left."""
    sleeper = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    quiet = "start_new_session=True, stdout=subprocess.DEVNULL"
    orphaning = f"import subprocess, sys; print(subprocess.Popen({sleeper}, {quiet}).pid)"
    code = f"""
first = subprocess.Popen({sleeper}).pid
second = subprocess.Popen({sleeper}, start_new_session=True).pid
third = subprocess.run([sys.executable, "-c", {orphaning!r}], stdout=subprocess.PIPE, text=True).stdout
pathlib.Path({str(tmp_path / "pids")!r}).write_text(f"{{first}} {{second}} {{third}}")
{OFFER}"""
    child = start()
    child.request("describe", script(code), timeout_s=PATIENCE_S)
    pids = [int(each) for each in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    child.close()
    assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize("crash", ["os._exit(7)", "os.kill(os.getpid(), 11)", "os.kill(os.getpid(), 9)"])
def test_a_crash_leaves_nothing_that_the_worker_started(
    start: Any, script: Any, tmp_path: Path, has_ended: Any, crash: str
) -> None:
    sleeper = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    code = f"""
first = subprocess.Popen({sleeper}, stdout=subprocess.DEVNULL).pid
second = subprocess.Popen({sleeper}, start_new_session=True, stdout=subprocess.DEVNULL).pid
pathlib.Path({str(tmp_path / "pids")!r}).write_text(f"{{first}} {{second}}")
{crash}"""
    failure(start(), script(code))
    assert all(has_ended(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_a_chatty_process_left_behind_stops_no_message(start: Any, script: Any) -> None:
    chatty = "while True: print('x' * 1000)"
    error = failure(
        start(), script(f"subprocess.Popen([sys.executable, '-c', {chatty!r}])\ntime.sleep(0.3)\nos._exit(3)")
    )
    assert "exited with code 3" in error.message


def test_a_file_where_the_user_stands_shadows_nothing(
    start: Any, script: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    for name in ("bench.py", "numpy.py", "json.py"):
        (tmp_path / name).write_text("raise RuntimeError('shadowed')")
    (tmp_path / "mine.py").write_text("VALUE = 'found'")
    monkeypatch.chdir(tmp_path)
    reply = start().request(
        "describe", script(f"import mine, numpy\nassert mine.VALUE == 'found'\n{OFFER}"), timeout_s=PATIENCE_S
    )
    assert len(reply.data["offers"]) == 1


def test_the_environment_reaches_the_worker(start: Any, script: Any) -> None:
    error = failure(start(OMP_NUM_THREADS="3"), script("raise ValueError('threads ' + os.environ['OMP_NUM_THREADS'])"))
    assert "threads 3" in error.message


def descriptors() -> int:
    """Count this process's open files; 0 where the system does not list them."""
    place = Path("/proc/self/fd")
    return len(list(place.iterdir())) if place.exists() else 0


def test_an_interpreter_that_is_not_there() -> None:
    before = descriptors()
    with pytest.raises(WorkerError, match="cannot be started"):
        Child(python="/nowhere/python")
    assert descriptors() == before


def test_an_interpreter_without_bench_says_so(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'No module named bench'\nexit 1\n")
    fake.chmod(0o755)
    child = Child(python=str(fake))
    with pytest.raises(WorkerError, match="No module named bench"):
        child.request("hello", {}, timeout_s=PATIENCE_S)


def test_no_descriptor_is_lost(start: Callable[..., Child]) -> None:
    start().close()  # the watchdog, which is started once a process, is one
    before = descriptors()
    child = start()
    child.request("hello", {}, timeout_s=PATIENCE_S)
    child.close()
    assert descriptors() == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_controller_killed_in_the_middle_of_a_call_leaves_nothing(
    script: Any, tmp_path: Path, has_ended: Any, number: signal.Signals
) -> None:
    """Neither the worker, nor what it started, in its group and in a session of its own."""
    sleeper = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    pids = tmp_path / "pids"
    arguments = script(f"""
first = subprocess.Popen({sleeper}).pid
second = subprocess.Popen({sleeper}, start_new_session=True).pid
pathlib.Path({str(pids) + ".new"!r}).write_text(f"{{os.getpid()}} {{first}} {{second}}")
os.rename({str(pids) + ".new"!r}, {str(pids)!r})
time.sleep(600)""")
    # A run under nohup ignores SIGHUP, and its children would too.
    code = "import signal\nfrom bench.wire import Child\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    code += f"Child().request('describe', {arguments!r}, timeout_s=600)"
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + PATIENCE_S
    while not pids.exists():
        assert time.monotonic() < deadline
        assert parent.poll() is None
        time.sleep(0.02)
    started = [int(each) for each in pids.read_text().split()]
    assert len(started) == 3
    assert not any(has_ended(pid, 0.1) for pid in started)
    parent.send_signal(number)
    parent.wait()
    assert all(has_ended(pid) for pid in started)
