"""The top of the command line: what ends a command is one clear message and an exit code, and nothing is left."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import psutil
import pytest

import bench.cli
from bench.cli.stopping import Stopped
from bench.errors import BenchError, ConfigError

HOUSE = Path(__file__).parents[2] / "one_file" / "house.py"
PATIENCE_S = 120.0
TURN = "\u202e"


@pytest.fixture
def signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], signals: None) -> Any:
    def end(error: BaseException) -> tuple[int, str]:
        def fail(*args: object, **more: object) -> None:
            raise error

        monkeypatch.setattr(bench.cli.cli, "main", fail)
        with pytest.raises(SystemExit) as caught:
            bench.cli.main()
        return int(str(caught.value.code)), capsys.readouterr().err

    return end


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "read-only"), (errno.EACCES, "of yours"), (errno.EIO, "see to it")],
)
def test_what_the_system_refuses_is_a_message(ended: Any, number: int, says: str) -> None:
    code, text = ended(OSError(number, os.strerror(number), "/somewhere/else.npz"))
    assert code == 2
    assert text.startswith(f"error: /somewhere/else.npz: {os.strerror(number)}\n")
    assert says in text
    assert "to go on" in text
    assert "Traceback" not in text


def test_an_error_without_number_or_file_is_a_message_too(ended: Any) -> None:
    assert ended(OSError("odd"))[1].startswith("error: odd\n")


@pytest.mark.parametrize(
    "error",
    [
        BenchError(f"no task is called 'a{TURN}b'"),
        ConfigError(f"no task is called 'a{TURN}b'", line=1, column=3, text=f"task: a{TURN}b"),
        click.UsageError(f"no command is called 'a{TURN}b'"),
        OSError(errno.ENOENT, "No such file", f"a{TURN}b"),
    ],
)
def test_what_turns_text_around_is_spelt_out(ended: Any, error: BaseException) -> None:
    _, text = ended(error)
    assert TURN not in text
    assert "a⟨U+202E⟩b" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_is_told_by_the_exit_code(ended: Any, number: int, code: int) -> None:
    assert ended(Stopped(number))[0] == code
    behind = click.exceptions.Abort()
    behind.__cause__ = Stopped(number)
    assert ended(behind)[0] == code


def test_interruptions_end_with_130(ended: Any) -> None:
    assert ended(KeyboardInterrupt())[0] == 130
    assert ended(click.exceptions.Abort())[0] == 130


SUITE = "bench: 1\nname: stop\nmatrix:\n  task: [house]\n  backend: [numpy]\n  recipe: [none, starts]\n"
STARTS = """
import os, subprocess, sys, time, bench
@bench.compressor("starts", accepts="npz")
def starts(artifact, ctx):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    pids = [subprocess.Popen(sleeper).pid, subprocess.Popen(sleeper, start_new_session=True).pid, os.getpid()]
    with open({place!r} + ".new", "w") as file:
        file.write(" ".join(map(str, pids)))
    os.rename({place!r} + ".new", {place!r})
    time.sleep(600)
"""


def over(pid: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def as_from_a_terminal() -> None:
    """Under nohup, or in a shell's background, signals are ignored, and children would inherit that."""
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    place = tmp_path / "pids"
    (tmp_path / "starts.py").write_text(STARTS.format(place=str(place)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    command = [sys.executable, "-m", "bench", "run", "suite.yaml", "-p", str(HOUSE), "-p", "starts.py", "-o", "out"]
    environment = {**os.environ, "BENCH_PLUGINS": "", "BENCH_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,  # noqa: PLW1509 - this test starts no threads
    )
    deadline = time.monotonic() + PATIENCE_S
    while not place.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE_S)
    expected = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGKILL: -9}
    assert process.returncode == expected[number], told
    assert "Traceback" not in told
    deadline = time.monotonic() + PATIENCE_S
    assert all(over(int(pid), deadline) for pid in place.read_text().split())
    if number != signal.SIGKILL:
        assert not [each for each in (tmp_path / "cache" / "work").iterdir() if each.is_dir()]
