"""A lock between processes: held by one, waited for by others, gone with its holder."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.store import Busy, held

HOLDER = """
import sys, time
from pathlib import Path
from bench.store import held
with held(Path(sys.argv[1]), patience_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "powercap.lock"
    told: list[str] = []
    with holder(path) as process:
        with (
            pytest.raises(Busy, match=f"powercap was in use by process {process.pid} for 0.1 s"),
            held(path, patience_s=0.1, waiting=told.append),
        ):
            pytest.fail("two hold it")
        assert told == [f"process {process.pid}"]
        assert process.stdin is not None
        end = threading.Timer(0.2, process.stdin.close)
        end.start()
        with held(path, patience_s=30.0):
            pass
        end.join()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with holder(path) as process:
        process.kill()
        process.wait()
        with held(path, patience_s=5.0):
            pass


def test_it_is_free_again_and_can_be_held_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with pytest.raises(ZeroDivisionError), held(path, patience_s=0):
        raise ZeroDivisionError
    for _ in range(2):
        with held(path, patience_s=0):
            pass


def test_a_folder_that_cannot_be_written_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with held(tmp_path / "file" / "x.lock", patience_s=0):
        pass
