"""A worker as a child process: started, watched while it answers, and certain to end."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import WorkerError
from bench.wire.frames import Decoder, Message, encode
from bench.wire.strays import MARK, end_marked, new_mark, start_watchdog
from bench.wire.worker import checked

READ_BYTES = 1 << 16
TAIL_BYTES = 16_000
SHOWN_LINES = 10
CRASH = "Fatal Python error"  # how faulthandler begins; the plugin's own frames follow, the worker's come last
DRAINS = 64  # reads of what was printed before a message is made; a process that prints for ever is cut off
WATCH_S = 0.2
CLOSE_GRACE_S = 2.0


@dataclass(frozen=True)
class Limits:
    """What a worker may use: bytes of memory (None: no limit), its extra environment, and where it runs."""

    memory_bytes: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None


class Child:
    """A process running `python -m bench.worker`, with a message pipe each way and its prints kept apart.

    Only the tail of what it prints is kept, and that is drained while a reply is awaited, so that a plugin that
    prints without end neither blocks itself nor fills anything.
    """

    def __init__(self, limits: Limits | None = None, *, python: str = sys.executable) -> None:
        self.limits = limits or Limits()
        self._decoder = Decoder()
        self._tail = bytearray()
        self._verb = ""
        self._closed = False
        self._watched_s = 0.0
        self._mark = new_mark()
        child_reads, self._send = os.pipe()
        self._receive, child_writes = os.pipe()
        # -u: what a plugin printed just before it died is the best clue there is. -P: a `numpy.py` in the user's folder
        # must not shadow anything.
        command = [python, "-u", "-P", "-X", "faulthandler", "-m", "bench.worker", str(child_reads), str(child_writes)]
        try:
            self._process = subprocess.Popen(
                [*command, str(os.getpid()), str(self.limits.memory_bytes or 0)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(child_reads, child_writes),
                start_new_session=True,
                env={**os.environ, **self.limits.environment, MARK: self._mark},
                cwd=self.limits.folder,
            )
            start_watchdog()
        except OSError as error:
            os.close(self._send)
            os.close(self._receive)
            raise WorkerError(f"a worker process cannot be started ({python}): {error.strerror}") from error
        finally:
            os.close(child_reads)
            os.close(child_writes)
        assert self._process.stdout is not None
        self._printed = self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Message:
        """Send a request and return its reply."""
        self.begin(verb, arguments)
        return self.finish(timeout_s=timeout_s)

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Send a request without waiting: several workers can start up at once.

        Of a worker that died in between, `finish` tells how it ended.
        """
        data = memoryview(encode(Message({"verb": verb, **arguments})))
        self._verb = verb
        with contextlib.suppress(OSError):
            while data and not self._closed:
                data = data[os.write(self._send, data) :]

    def finish(self, *, timeout_s: float) -> Message:
        """Wait for the reply to what was begun. Raises WorkerError, or Unsupported when the worker says so.

        A worker that fails in any way is ended.
        """
        if self._closed:
            raise WorkerError(f"the worker was closed before '{self._verb}'")
        try:
            return checked(self._await(timeout_s))
        except WorkerError:
            self.close(grace_s=0.0)
            raise

    def _await(self, timeout_s: float) -> Message:
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._receive, selectors.EVENT_READ)
            selector.register(self._printed, selectors.EVENT_READ)
            while (message := self._decoder.next()) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._fail(f"no answer to '{self._verb}' within {timeout_s:.3g} s", "timeout")
                ready = selector.select(min(left, WATCH_S))
                self._take(selector, {key.fd for key, _ in ready})
                self._check_memory()
        return message

    def _take(self, selector: selectors.BaseSelector, ready: set[int]) -> None:
        if self._printed in ready and not self._drain():
            selector.unregister(self._printed)
        if self._receive in ready:
            data = os.read(self._receive, READ_BYTES)
            if not data:
                raise self._lost()
            self._decoder.feed(data)

    def _drain(self) -> bool:
        data = os.read(self._printed, READ_BYTES)
        self._tail += data
        del self._tail[:-TAIL_BYTES]
        return bool(data)

    def _check_memory(self) -> None:
        """Look now and then, also at a worker that is never silent."""
        limit, now = self.limits.memory_bytes, time.monotonic()
        if now - self._watched_s < WATCH_S:
            return
        self._watched_s = now
        if limit and (used := _resident_bytes(self.pid)) > limit:
            self._fail(f"used {used / 1e9:.2f} GB of memory, over the limit of {limit / 1e9:.2f} GB", "oom")

    def _fail(self, message: str, status: str) -> None:
        raise WorkerError(message + self.printed(), status=status)

    def _lost(self) -> WorkerError:
        """Say how the process ended; its last printed lines go with it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=CLOSE_GRACE_S)
        code = self._process.returncode
        status = "oom" if code == -signal.SIGKILL else "failed"
        return WorkerError(f"the worker {_cause(code)}{self.printed()}", status=status)

    def printed(self) -> str:
        """Return the last lines the worker printed, as an appendix to a message; empty when it printed nothing."""
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(self._printed, selectors.EVENT_READ)
            for _ in range(DRAINS):
                if not (selector.select(0) and self._drain()):
                    break
        lines = [line for line in self._tail.decode("utf-8", "replace").splitlines() if line.strip()]
        crash = next((index for index, line in enumerate(lines) if line.startswith(CRASH)), len(lines))
        start = max(min(crash - 3, len(lines) - SHOWN_LINES), 0)
        return "".join(f"\n| {line[:300]}" for line in lines[start : start + SHOWN_LINES])

    def close(self, grace_s: float = CLOSE_GRACE_S) -> None:
        """End the process and everything it started: its pipe is closed, then its group and what left it are killed.

        A worker that crashed took the knowledge of its children along: those are found by the mark they carry.
        """
        if self._closed:
            return
        self._closed = True
        crashed, started = self._process.poll() is not None, _descendants(self.pid)
        os.close(self._send)
        if grace_s and self._process.poll() is None:
            self._await_exit(grace_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for each in started:
            with contextlib.suppress(Exception):
                each.kill()
        self._process.wait()
        if crashed or started or self._process.returncode:
            end_marked(self._mark)
        os.close(self._receive)
        self.printed()
        if self._process.stdout:
            self._process.stdout.close()
        self._printed = -1

    def _await_exit(self, grace_s: float) -> None:
        """Wait for a willing worker to leave; the end of its output is the sign, so nothing polls."""
        deadline = time.monotonic() + grace_s
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(self._printed, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0 and selector.select(left):
                if not self._drain():
                    break
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)


def _cause(code: int | None) -> str:
    if code is None:
        return "closed its message pipe but did not exit"
    if code >= 0:
        return f"exited with code {code} in the middle of its work"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    note = " (often the kernel's out-of-memory killer)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{note}"


def _descendants(pid: int) -> list[Any]:
    """Return the processes that a worker started, also those that left its group; psutil never kills a recycled id."""
    import psutil

    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _resident_bytes(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
