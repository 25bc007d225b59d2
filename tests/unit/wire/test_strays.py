"""What carries a worker's mark is ended, and nothing else is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.wire.strays import MARK, end_marked, new_mark

SLEEPER = [sys.executable, "-c", "print(flush=True)\nimport time\ntime.sleep(600)"]


@pytest.fixture
def sleeper() -> Iterator[Any]:
    made: list[subprocess.Popen[bytes]] = []

    def start(mark: str | None) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **({MARK: mark} if mark else {})}
        made.append(subprocess.Popen(SLEEPER, env=environment, stdout=subprocess.PIPE))
        assert made[-1].stdout is not None
        made[-1].stdout.readline()  # before it runs, its environment is this process's
        return made[-1]

    yield start
    for each in made:
        each.kill()
        each.communicate()


def test_only_what_carries_the_mark_is_ended(sleeper: Any) -> None:
    mark = new_mark()
    mine, longer, other, bare = (sleeper(each) for each in (mark, f"{mark}0", new_mark(), None))
    end_marked(mark)
    assert mine.wait(timeout=60) != 0
    assert [each.poll() for each in (longer, other, bare)] == [None, None, None]


def test_all_of_one_controller_are_ended_by_what_their_marks_begin_with(sleeper: Any) -> None:
    name = f"test{os.getpid()}"
    mine = [sleeper(f"{name}-{number}") for number in (1, 2)]
    other = sleeper(f"{name}x-1")
    end_marked(f"{name}-", beginning=True)
    assert all(each.wait(timeout=60) != 0 for each in mine)
    assert other.poll() is None


def test_marks_differ() -> None:
    marks = [new_mark() for _ in range(10)]
    assert len(set(marks)) == 10
    assert len({each.rpartition("-")[0] for each in marks}) == 1


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a limit to carry a mark in")


@linux
@pytest.mark.parametrize("beginning", [False, True])
def test_a_daemon_that_emptied_its_environment_is_ended_all_the_same(beginning: bool) -> None:
    """In a session of its own, without a word of the mark, its worker gone: what the kernel keeps is left."""
    mark, other = f"test{os.getpid()}-{beginning:d}", f"other{os.getpid()}-1"
    started = [_daemon(each) for each in (mark, other)]
    try:
        end_marked(f"{mark.rpartition('-')[0]}-" if beginning else mark, beginning=beginning)
        assert not _lives(started[0])
        assert _lives(started[1])
    finally:
        end_marked(other)


def _daemon(mark: str) -> int:
    """Start a worker that leaves a daemon behind, and return the daemon's id."""
    code = (
        "import os, subprocess, sys\nfrom bench.wire.strays import carry\n"
        "carry(sys.argv[1])\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], env={}, "
        "start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(left.pid, flush=True)\nos._exit(0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, mark], capture_output=True, text=True, check=True)
    return int(ended.stdout)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
