"""Scratch folders: gone with their block, and with their process at the latest when the next one is made."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.store.scratch import OLD_S, scratch_folder

WORKER = """
import sys, time
from pathlib import Path
from bench.store.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    time.sleep(600)
"""


def folders(base: Path) -> list[Path]:
    return [each for each in base.iterdir() if each.is_dir()]


def test_a_folder_goes_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), scratch_folder(tmp_path / "work") as folder:
        (folder / "file").write_text("x")
        assert folders(tmp_path / "work") == [folder]
        raise ValueError("stop")
    assert [each.name for each in (tmp_path / "work").iterdir()] == [".lock"]


def test_what_a_killed_process_left_is_swept_and_what_others_hold_is_not(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        with scratch_folder(tmp_path) as mine, scratch_folder(tmp_path) as other:
            assert set(folders(tmp_path)) == {theirs, mine, other}
        assert (theirs / "inner" / "file").exists()
    finally:
        process.kill()
        process.communicate()
    assert folders(tmp_path) == [theirs]
    with scratch_folder(tmp_path) as mine:
        assert folders(tmp_path) == [mine]


def test_a_folder_without_a_lock_goes_once_it_is_old(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    long_ago = time.time() - OLD_S - 60
    os.utime(tmp_path / "old", (long_ago, long_ago))
    with scratch_folder(tmp_path):
        assert not (tmp_path / "old").exists()
        assert (tmp_path / "new").exists()
