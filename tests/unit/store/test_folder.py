"""A run's folder: one controller at a time, and files that are old or new but never half."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.store import open_run
from bench.store.files import read_json, write_atomically, write_json

HOLDER = """
import sys
from pathlib import Path
from bench.store import open_run
with open_run(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_controller_is_told_who_is_there(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(BenchError, match=f"in use by another run .process {holder.pid}.") as caught,
            open_run(tmp_path),
        ):
            pass
        assert "-o DIR" in str(caught.value)
    finally:
        holder.kill()
        holder.communicate()
    with open_run(tmp_path) as folder:
        assert folder.records() == []
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_the_lock_goes_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), open_run(tmp_path):
        raise ValueError("stop")
    with open_run(tmp_path):
        pass


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write to"), open_run(tmp_path / "file"):
        pass


def test_facts_and_outcomes(tmp_path: Path) -> None:
    with open_run(tmp_path / "a" / "b") as folder:
        assert folder.facts() == {}
        folder.write_facts({"id": "x"})
        folder.write_outcomes("cell", np.array([0.0, 1.0]))
        assert folder.facts() == {"schema": "bench.run/1", "id": "x"}
    with np.load(tmp_path / "a" / "b" / "samples" / "cell.npz") as archive:
        assert archive["outcomes"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"old": 1})

    def crash(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(step, crash)
        with pytest.raises(OSError, match="No space"):
            write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_disk_before_they_take_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace
    monkeypatch.setattr("os.fsync", lambda fd: (steps.append("sync"), sync(fd))[1])
    monkeypatch.setattr("pathlib.Path.replace", lambda self, to: (steps.append("rename"), rename(self, to))[1])
    write_atomically(tmp_path / "x", b"data")
    assert steps == ["sync", "rename", "sync"]


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"data")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) & 0o444 == 0o444


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x", {"a": float("nan")})
    assert read_json(tmp_path / "x") is None


@pytest.mark.parametrize("text", ["[1, 2]", "3", "null", "{", ""])
def test_a_damaged_run_json_is_named_with_its_cure(tmp_path: Path, text: str) -> None:
    with open_run(tmp_path) as folder:
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(BenchError, match=r"run\.json is damaged") as caught:
            folder.facts()
    assert "move it away" in str(caught.value)
