"""A meter that is a program: it prints `<unix seconds> <joules>` lines, joules since it began.

The program is started with the window, in a process group of its own, writes into a temporary file (so nothing here has
to listen: no thread), and is ended with the window, or with this process, however that ends (see `leash`). A line is a
promise: stamps and joules never fall, lines come in time, and nothing else is printed. A broken promise makes the
window invalid, with the reason; nothing is repaired.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import bench
from bench_power.lines import LONGEST_GAP, BadLines, Line, energy_between, parse

NAME = "command"
LARGEST_BYTES = 64 << 20  # a hundred lines a second for six hours
PATIENCE_S = 10.0  # for the first line, and for the end of the program
LOOK_S = 0.01
# -I and -S: nothing of the user's is imported, and it starts in milliseconds.
LEASH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")))
# A clock set by the network is steered by at most 0.5 per mille (RFC 5905): twice that, and a tenth of a second.
SLEW, LEAST_JUMP_S = 1e-3, 0.1


class Program:
    """A started program, and the unnamed files that it writes into. It ends with this object at the latest."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.out, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this
        try:
            self.process = subprocess.Popen(
                [*LEASH, str(os.getpid()), str(LARGEST_BYTES), *argv],
                stdin=subprocess.PIPE,  # its end is the end of this process
                stdout=self.out,
                stderr=self.errors,
                start_new_session=True,
            )
        except OSError:
            self.out.close()
            self.errors.close()
            raise
        # A window that is never closed (an exception, a forgotten token) leaves no program behind.
        self.end = weakref.finalize(self, _end, self.process, self.out, self.errors)

    def printed(self) -> bytes:
        """Return what was printed so far, without moving the place where the program writes. Raises BadLines."""
        size = os.fstat(self.out.fileno()).st_size
        if size >= LARGEST_BYTES:
            raise BadLines(f"it printed more than {LARGEST_BYTES >> 20} MB")
        return os.pread(self.out.fileno(), size, 0)

    def complaint(self) -> str:
        """Return the last line of standard error, as data; empty without one."""
        size = os.fstat(self.errors.fileno()).st_size
        said = os.pread(self.errors.fileno(), 500, max(0, size - 500)).decode(errors="replace").strip()
        last = "".join(each if each.isprintable() else " " for each in said.rsplit("\n", 1)[-1])
        return f"; it said: {last[:200]}" if last else ""


@dataclass(frozen=True)
class Window:
    """An open window: its program, when it was opened (unix and monotonic seconds), and why it is lost already."""

    program: Program | None
    opened_s: float
    opened_mono_s: float
    failed: str | None = None


class CommandMeter:
    """Runs a program as a meter.

    `period_s` is how often it prints, `accuracy` its relative error of scale. `limit_w`, the most that can be drawn,
    narrows what is unknown at the ends of a window.
    """

    def __init__(
        self,
        program: str,
        *,
        domain: str = "wall",
        period_s: float = 1.0,
        accuracy: float = 0.0,
        limit_w: float | None = None,
    ) -> None:
        self._program, self._domain = program, domain
        self._period_s, self._accuracy, self._limit_w = period_s, accuracy, limit_w

    def available(self) -> str | None:
        """Return None when the program exists. It is not run."""
        if not hasattr(os, "killpg"):
            return "this system has no process groups, so a program could not be ended for sure; use Linux or macOS"
        try:
            argv = shlex.split(self._program)
        except ValueError as error:
            return f"the program cannot be read as a command line: {error}"
        if not argv:
            return "no program is named; give program: 'python wall_meter.py'"
        if shutil.which(argv[0]) is None:
            return f"there is no program {argv[0]!r}; give its path, and make it executable (chmod +x)"
        return None

    def start(self) -> Window:
        """Start the program and wait for its first line: there the window opens. Failures are told by `stop`."""
        if reason := self.available():
            return Window(None, *_now(), reason)
        try:
            program = Program(shlex.split(self._program))
        except OSError as error:
            return Window(None, *_now(), f"it did not start: {error}")
        failed = self._wait(program, time.time() - self._period_s, self._period_s + PATIENCE_S)
        return Window(program, *_now(), failed)

    def stop(self, token: Window) -> bench.Reading:
        """Wait for a line after the end, end the program and return the joules between; unavailable when invalid."""
        now_s, now_mono_s = _now()
        window_s, program = now_mono_s - token.opened_mono_s, token.program
        if program is None:
            return self._lost(str(token.failed), window_s)
        try:
            if failed := token.failed or self._wait(program, now_s, LONGEST_GAP * self._period_s):
                raise BadLines(failed)
            if abs((now_s - token.opened_s) - window_s) > LEAST_JUMP_S + SLEW * window_s:
                raise BadLines("the clock was set, or the machine suspended, within the window")
            return self._reading(parse(program.printed()), token.opened_s, now_s, window_s)
        except BadLines as error:
            return self._lost(f"{error}{program.complaint()}", window_s)
        finally:
            program.end()

    def _wait(self, program: Program, until_s: float, patience_s: float) -> str | None:
        """Wait for a line stamped at or after a moment; return None, or why none came."""
        deadline = time.perf_counter() + patience_s
        while True:
            ended = program.process.poll()  # before the output is read: its last lines count
            try:
                lines = parse(program.printed())
            except BadLines as error:
                return str(error)
            if lines and lines[-1].at_s >= until_s:
                ahead_s = lines[-1].at_s - time.time()
                return f"a line is {ahead_s:.3g} s ahead of the clock" if ahead_s > self._period_s else None
            if ended is not None:
                return f"the program ended (exit status {ended})"
            if time.perf_counter() > deadline:
                return (
                    f"no line for this moment came within {patience_s:.3g} s: late lines, or output that is not flushed"
                )
            time.sleep(LOOK_S)

    def _reading(self, lines: Sequence[Line], start_s: float, stop_s: float, window_s: float) -> bench.Reading:
        found = energy_between(lines, start_s, stop_s, period_s=self._period_s, limit_w=self._limit_w)
        if found.joules <= 0:
            raise BadLines("the meter counted nothing in the window: it is shorter than the meter's step")
        parts = {
            "edges_j": found.edges_j,
            "quantum_j": found.quantum_j,
            "ripple_j": 0.0,
            "gaps_j": 0.0,
            "calibration_j": self._accuracy * found.joules,
        }
        total = sum(parts.values())
        return bench.Reading(
            unit="J",
            class_="measured",
            value=found.joules,
            low=found.joules - total,
            high=found.joules + total,
            n=1,
            meter=NAME,
            facts={
                **self._provenance(window_s, n_invalid=0),
                "by_domain": {self._domain: found.joules},
                "period_s": found.period_s,
                "share": None,
                "steal": None,
                "uncertainty": {"total_j": total, **parts},
            },
        )

    def _lost(self, reason: str, window_s: float) -> bench.Reading:
        return bench.Reading(
            unit="J", class_="unavailable", meter=NAME, reason=reason, verdict="invalid", reasons=(reason,),
            facts={**self._provenance(window_s, n_invalid=1), "period_s": self._period_s},
        )  # fmt: skip

    def _provenance(self, window_s: float, n_invalid: int) -> dict[str, Any]:
        return {
            "kind": "counter",
            "meter_version": version_of(self._program),
            "domains": [self._domain],
            "window_s": window_s,
            "n_windows": 1,
            "n_invalid": n_invalid,
        }


def version_of(program: str) -> str:
    """Name the program by its content: the digest of every file on its command line."""
    state = hashlib.sha256()
    with contextlib.suppress(ValueError):
        for word in shlex.split(program):
            path = Path(shutil.which(word) or word)
            state.update(word.encode())
            with contextlib.suppress(OSError):
                state.update(path.read_bytes() if path.is_file() else b"")
    return f"sha256:{state.hexdigest()[:16]}"


def _now() -> tuple[float, float]:
    """Return unix and monotonic seconds of one moment: the pair read closest together of a few."""
    pairs = []
    for _ in range(5):
        before, unix, after = time.perf_counter(), time.time(), time.perf_counter()
        pairs.append((after - before, unix, (before + after) / 2))
    return min(pairs)[1:]


def _end(process: subprocess.Popen[bytes], *streams: IO[bytes]) -> None:
    """End the program and everything it started; first politely."""
    for number, patience_s in ((signal.SIGTERM, 1.0), (signal.SIGKILL, PATIENCE_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    for stream in (process.stdin, *streams):
        if stream is not None:
            stream.close()
