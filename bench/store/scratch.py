"""Scratch folders: each is locked by the process that works in it, and swept away once that process is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bench.store.locks import held

PATIENCE_S = 60.0
OLD_S = 86_400.0  # without a lock: of a version that had none, perhaps still at work
LOCK = ".lock"


@contextlib.contextmanager
def scratch_folder(base: Path) -> Iterator[Path]:
    """Give a folder under `base` that goes with the block; what a killed process left there goes when one is made."""
    base.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with held(base / LOCK, patience_s=PATIENCE_S):
            sweep(base)
            folder = Path(tempfile.mkdtemp(dir=base))
            lock = stack.enter_context(_lock_of(folder).open("w"))
            _take(lock)
        try:
            yield folder
        finally:
            _remove(folder)


def sweep(base: Path) -> None:
    """Remove the folders whose process is gone. Under the lock of `base`: nothing is made while it is swept."""
    for each in base.iterdir():
        if not each.is_dir():
            continue
        lock = _lock_of(each)
        if _is_free(lock) if lock.exists() else time.time() - each.stat().st_mtime > OLD_S:
            _remove(each)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + LOCK)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        _lock_of(folder).unlink(missing_ok=True)


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("a") as file:
            return _take(file)
    except OSError:
        return False


def _take(lock: IO[str]) -> bool:
    """Hold a lock until its file is closed; where the system has no such locks none is ever taken, nor found free."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    lock.write(str(os.getpid()))
    lock.flush()
    return True
