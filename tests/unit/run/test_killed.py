"""kill -9 of the controller: at most the launch in flight is lost, every file stays readable, no worker is left."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bench.store import Journal, read_records

CONTROLLER = Path(__file__).with_name("controller_process.py")
PATIENCE_S = 120.0
# What to wait for before a random further moment: the build, the first launch of what is left, the records.
MOMENTS = (("build", 2), ("launch", 1), ("launch", 1), ("record", 1))


def start(base: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "BENCH_PLUGINS": ""}
    return subprocess.Popen(
        [sys.executable, str(CONTROLLER), str(base)], stdout=subprocess.PIPE, text=True, env=environment
    )


def workers_of(controller: int) -> list[int]:
    """Return the workers that were started by a controller: its pid is among their arguments."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        words = process.info["cmdline"] or []
        if "bench.worker" in words and str(controller) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found


def kill_after(process: subprocess.Popen[str], kind: str, number: int, delay_s: float) -> None:
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen += line.split()[0] == kind
        if seen == number:
            break
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=PATIENCE_S)
    process.stdout.close()


def assert_no_worker_left(controller: int) -> None:
    deadline = time.monotonic() + 15.0
    while left := workers_of(controller):
        assert time.monotonic() < deadline, f"workers {left} outlived their controller"
        time.sleep(0.05)


def journal(base: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted((base / "out" / "journal").rglob("[0-9]*.npz"))}


@pytest.mark.parametrize("seed", [1])
def test_killed_again_and_again_it_still_finishes(tmp_path: Path, seed: int) -> None:
    dice, kept, ids = random.Random(seed), {}, set()
    for kind, number in MOMENTS:
        process = start(tmp_path)
        kill_after(process, kind, number, dice.random() * 0.3)
        assert_no_worker_left(process.pid)
        files = journal(tmp_path)
        assert kept.items() <= files.items()
        kept = files
        for place in (tmp_path / "out" / "journal").iterdir() if files else ():
            assert len(Journal(place.parent).read(place.name)) == len(files)
        with suppress(FileNotFoundError):
            (tmp_path / "out" / "records.jsonl").stat()
            ids |= {each.id for each in read_records(tmp_path / "out" / "records.jsonl", strict=True)}
    process = start(tmp_path)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    records = read_records(tmp_path / "out" / "records.jsonl", strict=True)
    assert [each.status for each in records] == ["ok"] * 3
    assert ids <= {each.id for each in records}
    assert {each.launches for each in records} == {3}
    assert len({each.run for each in records}) == 1
    files = journal(tmp_path)
    assert len(files) == 3
    assert kept.items() <= files.items()
