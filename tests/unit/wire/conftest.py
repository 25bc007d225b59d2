"""Workers to mistreat: whatever a one-file plugin does at its top level happens inside a `describe` request."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bench.wire import Child, Limits

Script = Callable[[str], dict[str, str]]


def ended(pid: int, within_s: float = 15.0) -> bool:
    """Wait until a process is over; a zombie that nobody collects is over too."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False


@pytest.fixture
def has_ended() -> Callable[[int], bool]:
    return ended


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a plugin file; returns the arguments of the request that runs it."""

    def write(code: str) -> dict[str, str]:
        path = tmp_path / "plugin.py"
        path.write_text("import os, sys, time, pathlib, subprocess\n" + code)
        return {"file": str(path)}

    return write


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Start children that end with the test."""
    children: list[Child] = []

    def make(memory_bytes: int | None = None, **environment: str) -> Child:
        children.append(Child(Limits(memory_bytes, environment)))
        return children[-1]

    yield make
    for child in children:
        child.close()
