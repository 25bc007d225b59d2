"""Strays: processes that a plugin started and that outlived their worker, found by a mark in their environment.

Every worker carries BENCH_WORKER=<controller>-<number>, and so does whatever it starts, in a session of its own or not.
A worker that ends well or is ended hands its children over while it lives; one that crashed cannot, and a controller
that was killed cannot ask. On Linux a worker carries the mark a second time, in a resource limit that the kernel keeps
and no longer looks at (RLIMIT_LOCKS): children inherit it whatever becomes of their environment and their session, and
anybody's own processes can be asked for it without privileges (/proc/PID/limits).
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

MARK = "BENCH_WORKER"
LOCKS, LOCKS_NAME = 10, b"Max file locks"  # RLIMIT_LOCKS is ignored since Linux 2.4.25, and has no name in Python
SWEEPS = 5  # one that forks while it is looked for is found by the next sweep
_CONTROLLER = uuid.uuid4().hex
_NUMBERS = itertools.count(1)
_LOCK = threading.Lock()
_WATCHDOG: list[tuple[int, subprocess.Popen[bytes]]] = []


def new_mark() -> str:
    """Return the mark of a further worker of this process."""
    return f"{_controller()}-{next(_NUMBERS)}"


def carry(mark: str) -> None:
    """Have this process, and all that it will start, carry a mark in a resource limit too, where that is possible."""
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(ValueError, OSError):  # below another's mark already, or no such limit
            resource.setrlimit(LOCKS, _limits(mark))


def _limits(mark: str) -> tuple[int, int]:
    """Return the soft limit, which tells the worker, and the hard one, which is above it and tells its controller."""
    worker, controller = (int.from_bytes(hashlib.sha256(each.encode()).digest()[:7], "big") for each in _names(mark))
    return worker, controller | 1 << 60


def _names(mark: str) -> tuple[str, str]:
    return mark, mark.rpartition("-")[0]


def end_marked(mark: str, *, beginning: bool = False) -> None:
    """Kill this user's processes that carry a mark (`beginning`: one that begins so).

    A process is held while it is looked at, so that no recycled id is ever killed. Systems without /proc are asked
    through psutil.
    """
    wanted = f"{MARK}={mark}".encode()
    worker, controller = (str(each).encode() for each in _limits(mark))
    limit = (1, controller) if beginning else (0, worker)
    for _ in range(SWEEPS):
        if not sum(_end(pid, wanted, beginning, limit) for pid in _processes() if pid != os.getpid()):
            break


def start_watchdog() -> None:
    """Start, once a process, what ends all marked processes as soon as this one is over, however it ended."""
    with _LOCK:
        if _WATCHDOG and _WATCHDOG[0][0] == os.getpid():
            return
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        command = [sys.executable, "-P", "-c", "from bench.wire.strays import watch; watch()", _controller()]
        with contextlib.suppress(OSError):  # no process to be had: workers say so themselves
            _WATCHDOG[:] = [(os.getpid(), _quiet(command, environment))]
            atexit.register(_end_watchdog)


def watch() -> None:
    """Wait until the process at the other end of stdin is over, then end what carries its mark."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if os.name == "posix" else ():
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 64):
        pass
    end_marked(f"{sys.argv[1]}-", beginning=True)


def _controller() -> str:
    """Return this process's own name; a fork is another process."""
    return f"{_CONTROLLER}.{os.getpid()}"


def _quiet(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own: what ends a terminal's group must not end it.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment,
    )


def _end_watchdog() -> None:
    with _LOCK:
        for owner, process in _WATCHDOG:
            if owner == os.getpid() and process.stdin is not None:
                process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=2.0)
        _WATCHDOG.clear()


def _processes() -> list[int]:
    if Path("/proc/self/environ").exists():
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names suffice
    import psutil

    return list(psutil.pids())


def _end(pid: int, wanted: bytes, beginning: bool, limit: tuple[int, bytes]) -> bool:
    """Kill a process if it carries the mark, in its environment or as this one of its two limits; whether it did."""
    if not hasattr(os, "pidfd_open"):
        return _end_by_psutil(pid, wanted, beginning)
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if not _carries(words, wanted, beginning) and _limit_of(pid)[limit[0] : limit[0] + 1] != [limit[1]]:
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:  # another user's, or over by now
        return False
    finally:
        os.close(handle)
    return True


def _limit_of(pid: int) -> list[bytes]:
    """Return a process's soft and hard limit of file locks as the kernel writes them; empty where it writes none."""
    lines = Path(f"/proc/{pid}/limits").read_bytes().splitlines()
    found = next((each for each in lines if each.startswith(LOCKS_NAME)), LOCKS_NAME)
    return found.removeprefix(LOCKS_NAME).split()[:2]


def _end_by_psutil(pid: int, wanted: bytes, beginning: bool) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        words = [f"{name}={value}".encode() for name, value in process.environ().items()]
        if not _carries(words, wanted, beginning):
            return False
        process.kill()
    except (psutil.Error, OSError):
        return False
    return True


def _carries(words: list[bytes], wanted: bytes, beginning: bool) -> bool:
    return any(each.startswith(wanted) if beginning else each == wanted for each in words)
