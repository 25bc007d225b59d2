"""Reading the small files of sysfs. Every failure is an OSError, so that a window knows that it lost a read."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_text(path: Path) -> str:
    """Return a file's text without its line end. Raises OSError, also for what is no file: a pipe would block."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no file")
        return os.read(handle, 4096).decode("utf-8", errors="replace").strip()
    finally:
        os.close(handle)


def read_number(path: Path) -> float:
    """Return a file's whole number. Raises OSError, also when it holds no number."""
    text = read_text(path)
    try:
        return float(int(text))
    except ValueError:
        raise OSError(f"{path} holds {text[:40]!r} where a number was expected") from None


def maybe_number(path: Path) -> float | None:
    """Return a file's number, None when it cannot be read."""
    try:
        return read_number(path)
    except OSError:
        return None


def maybe_text(path: Path) -> str:
    """Return a file's text, empty when it cannot be read."""
    try:
        return read_text(path)
    except OSError:
        return ""
