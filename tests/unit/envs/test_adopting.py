"""Adopting an interpreter that exists: asked what it has, remembered, never written into."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from bench.envs import Environment, Wanted, adopt, every, find, missing, remove, states
from bench.envs.serving import why_missing
from bench.errors import BenchError
from bench.offer import Offer

NUMPY = Wanted("numbers", ("numpy==0.1",), ("numpy",), ("numbers",))


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_this_interpreter_is_taken_and_what_differs_is_said() -> None:
    adopted = adopt(NUMPY, sys.executable)
    version = importlib.metadata.version("numpy")
    assert adopted.notes == (f"numpy is {version}, not ==0.1",)
    assert f"numpy=={version}" in adopted.packages
    assert (adopted.python, adopted.size_bytes) == (sys.executable, 0)
    assert find(NUMPY) == adopted
    assert missing([NUMPY]) == []
    assert states([NUMPY])[0]["state"] == "adopted"


def test_one_that_lacks_an_import_name_is_refused_with_the_command() -> None:
    with pytest.raises(BenchError, match=r"(?s)lacks no_such_name.*-m pip install no_such_name"):
        adopt(Wanted("odd", ("x",), ("no_such_name",)), sys.executable)
    assert every() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo hello", "answers like no Python interpreter"),
        ("exit 3", "cannot be run"),
        ("""echo '{"version": "3.9.1", "packages": [], "lacks": []}'""", "is Python 3.9.1; joulebench needs 3.11"),
    ],
)
def test_what_is_no_usable_interpreter(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        adopt(NUMPY, script(tmp_path / "python", text))


def test_a_folder_and_a_name_nobody_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"(?s)is a folder.*bin/python"):
        adopt(NUMPY, str(tmp_path))
    with pytest.raises(BenchError, match="there is no interpreter no-such-python"):
        adopt(NUMPY, "no-such-python")


def test_an_adopted_one_that_is_gone_is_told(tmp_path: Path) -> None:
    wrapper = script(tmp_path / "python", f'exec {sys.executable} "$@"')
    adopt(NUMPY, wrapper)
    Path(wrapper).unlink()
    assert find(NUMPY) is None
    said = why_missing(Offer("backend", "numbers", "a:b", needs=("numpy",), environment=("numpy==0.1",)))
    assert said is not None
    assert f"the interpreter adopted for it is gone: {wrapper}" in said
    assert "bench env build numbers" in said


def test_an_adopted_one_comes_before_a_built_one_and_is_forgotten_by_remove(built: Environment, wanted: Wanted) -> None:
    adopted = adopt(wanted, built.python)
    assert find(wanted) == adopted
    assert remove(adopted) == 0
    assert find(wanted) == built
