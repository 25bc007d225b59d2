"""A started program: one JSON line out, one JSON line back in time; everything else is an error with a name."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from typing import IO, Any

import bench

LONGEST_LINE = 16 << 20
SHOWN = 200
END_S = 2.0
MOST_ERRORS = 1 << 20  # bytes of standard error that are kept
LOOK_S = 0.2


class Runner:
    """A program that answers. It ends with this object at the latest, and with the worker however that ends.

    It inherits the worker's mark, by which a killed worker's programs are found and killed.
    """

    def __init__(self, program: str, patience_s: float) -> None:
        argv = _argv(program)
        self._patience_s, self._buffer = patience_s, b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this
        _append(self._errors)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise bench.Unsupported(f"the program does not start: {error.strerror or error}") from error
        self.end = weakref.finalize(self, _end, self._process, self._errors)

    def ask(self, what: str, **more: Any) -> Mapping[str, Any]:
        """Send a request and return its answer. Raises Unsupported or BenchError with what the program says."""
        self._check_silent(what)
        self._send({"do": what, **more})
        answer = self._answer(what)
        if "error" in answer:
            kind = bench.Unsupported if answer.get("unsupported") is True else bench.BenchError
            raise kind(_plain(answer["error"]))
        if answer.get("ok") is not True:
            raise bench.BenchError(f"the program answered '{what}' with neither ok nor error{self._said()}")
        return answer

    def _check_silent(self, what: str) -> None:
        """Refuse what was said unasked: it would pass for the next answer, whose call would be timed as nothing."""
        assert self._process.stdout is not None
        self._trim()
        if self._buffer or _waiting_bytes(self._process.stdout.fileno()):
            said = f": {_plain(self._buffer)}" if self._buffer else ""
            raise bench.BenchError(f"the program said more than it was asked before '{what}'{said}")

    def _trim(self) -> None:
        """Let go of what was written to standard error where it is much: only its end is shown."""
        if os.fstat(self._errors.fileno()).st_size > MOST_ERRORS:
            os.ftruncate(self._errors.fileno(), 0)

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise bench.BenchError(f"the program does not listen any more{self._state()}") from error

    def _answer(self, what: str) -> Mapping[str, Any]:
        line = self._line(what)
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:  # wrong UTF-8 is one, too
            raise bench.BenchError(f"the program answered '{what}' with what is no JSON: {_plain(line)}") from error
        if not isinstance(answer, dict):
            raise bench.BenchError(f"the program answered '{what}' with what is no object: {_plain(line)}")
        return answer

    def _line(self, what: str) -> bytes:
        assert self._process.stdout is not None
        stream, deadline = self._process.stdout.fileno(), time.monotonic() + self._patience_s
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if not selector.select(max(min(left, LOOK_S), 0)):
                    self._trim()
                    if left > 0:
                        continue
                    raise bench.BenchError(f"the program did not answer '{what}' within {self._patience_s:g} s")
                read = os.read(stream, 1 << 16)
                if not read:
                    raise bench.BenchError(f"the program ended before it answered '{what}'{self._state()}")
                self._buffer += read
                if len(self._buffer) > LONGEST_LINE:
                    raise bench.BenchError(f"the program's answer to '{what}' is longer than {LONGEST_LINE >> 20} MB")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _state(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f" (exit status {self._process.wait(END_S)}){self._said()}"
        return self._said()

    def _said(self) -> str:
        """Return the last line of standard error, as data."""
        size = os.fstat(self._errors.fileno()).st_size
        said = os.pread(self._errors.fileno(), 500, max(0, size - 500)).decode(errors="replace").strip()
        return f"; it said: {_plain(said.rsplit(chr(10), 1)[-1])}" if said else ""


def _argv(program: str) -> list[str]:
    """Return the words of a command line. Raises Unsupported when it names no program."""
    try:
        argv = shlex.split(program)
    except ValueError as error:
        raise bench.Unsupported(f"the program cannot be read as a command line: {error}") from error
    if not argv:
        raise bench.Unsupported("no program is named", cure="give command: {program: 'python3 runner.py'}")
    if shutil.which(argv[0]) is None:
        cure = "give its path, and make it executable (chmod +x)"
        raise bench.Unsupported(f"there is no program {argv[0]!r}", cure=cure)
    return argv


def _plain(text: Any) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return "".join(each if each.isprintable() else " " for each in words)[:SHOWN]


def _append(file: IO[bytes]) -> None:
    """Let writes go to a file's end, also after it was cut: else zeros would fill it up to where they were."""
    import fcntl

    fcntl.fcntl(file.fileno(), fcntl.F_SETFL, fcntl.fcntl(file.fileno(), fcntl.F_GETFL) | os.O_APPEND)


def _waiting_bytes(stream: int) -> int:
    """Return how many bytes can be read of a pipe at once; 0 at its end."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(stream, termios.FIONREAD, bytes(4)), sys.byteorder)


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """Close its input, which asks it to end; then end it and all that it started."""
    import signal

    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
