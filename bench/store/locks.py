"""Locks between processes: files that are held while something is done that two must not do at once."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from bench.errors import BenchError

LOOK_S = 0.05


class Busy(BenchError):
    """Another process held the lock for longer than one may wait."""


@contextlib.contextmanager
def held(path: Path, *, patience_s: float, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock, waiting up to `patience_s` seconds for it; it goes with the process at the latest.

    `waiting(owner)` is told once, the owner being "process N", when somebody else has it. Raises Busy when the time is
    up. Where the system has no such locks, or the folder cannot be written, nothing is held.
    """
    with contextlib.ExitStack() as stack:
        try:
            import fcntl

            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a+"))
        except (ImportError, OSError):
            yield
            return
        deadline, told = time.monotonic() + patience_s, False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                owner = _owner(file)
            if time.monotonic() >= deadline:
                raise Busy(f"{path.stem} was in use by {owner} for {patience_s:g} s")
            if waiting is not None and not told:
                waiting(owner)
                told = True
            time.sleep(LOOK_S)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _owner(file: IO[str]) -> str:
    file.seek(0)
    return f"process {file.read(20).strip() or 'unknown'}"
