"""Placement and memory probes: real where the kernel tells, None where it does not."""

import os
import threading
from pathlib import Path

import pytest

from bench.measure import memory, placement

affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux sets affinity")
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")


@affinity
def test_cores_are_those_this_process_may_use() -> None:
    assert placement.cores()
    assert set(placement.cores()) <= os.sched_getaffinity(0)


@affinity
def test_only_the_fastest_kind_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4})
    monkeypatch.setattr(placement, "_capacity", {0: 400, 1: 400, 2: 1024, 3: 1024, 4: 800}.__getitem__)
    assert placement.cores() == [2, 3]


def test_where_nothing_tells_there_are_no_cores_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert placement.cores() == []


@affinity
def test_pinning_moves_every_thread_and_can_be_undone() -> None:
    before = os.sched_getaffinity(0)
    stop, ready, seen = threading.Event(), threading.Event(), []

    def wait() -> None:
        seen.append(threading.get_native_id())
        ready.set()
        stop.wait(30)

    thread = threading.Thread(target=wait)
    thread.start()
    assert ready.wait(30)
    try:
        core = placement.cores()[0]
        placement.pin(core)
        assert os.sched_getaffinity(0) == os.sched_getaffinity(seen[0]) == {core}
        placement.pin(None)
        assert os.sched_getaffinity(0) == {core}
    finally:
        placement.allow(before)
        stop.set()
        thread.join()
    assert os.sched_getaffinity(0) == before


@affinity
def test_a_core_that_is_not_there_changes_nothing() -> None:
    before = os.sched_getaffinity(0)
    placement.pin(100_000)
    assert os.sched_getaffinity(0) == before


@linux
def test_the_peak_rises_with_what_is_touched_and_falls_with_a_reset() -> None:
    base = memory.resident_bytes()
    assert base is not None
    block = bytearray(b"x" * (64 << 20))
    raised = memory.peak_bytes()
    assert raised is not None
    assert raised - base > 50 << 20
    del block
    if memory.reset_peak():
        after = memory.peak_bytes()
        assert after is not None
        assert after < raised - (30 << 20)


def test_where_the_kernel_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "nothing")
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no" / "folder")
    assert (memory.resident_bytes(), memory.peak_bytes(), memory.reset_peak()) == (None, None, False)
    (tmp_path / "nothing").write_text("Name:\tx\nVmHWM:\t  12 kB\n")
    assert (memory.resident_bytes(), memory.peak_bytes()) == (None, 12 * 1024)
