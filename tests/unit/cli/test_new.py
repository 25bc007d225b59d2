"""`bench new` writes plugins that pass as they are, and refuses what would clash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = {"backend": "onnx", "compressor": "torch"}


def _run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BENCH_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _new(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return _run("bench", "new", *words, folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("package", [False, True], ids=["file", "package"])
def test_what_is_written_passes_its_own_test(kind: str, package: bool, tmp_path: Path) -> None:
    pytest.importorskip(KINDS[kind], reason=f"the template of a {kind} needs {KINDS[kind]}")
    made = _new(tmp_path, kind, "my-own", *(["--package"] if package else []))
    assert made.returncode == 0, made.stderr
    files = [tmp_path / line for line in made.stdout.splitlines()]
    assert all(each.is_file() for each in files)
    root = tmp_path / "joulebench-my-own" if package else tmp_path
    tested = _run("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(root), str(root), folder=root)
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout
    assert "skipped" not in tested.stdout


@pytest.mark.slow
def test_a_new_backend_passes_the_check(tmp_path: Path) -> None:
    for each in ("onnx", "onnxscript", "torch"):
        pytest.importorskip(each, reason="the check compares with torch on an exported model")
    assert _new(tmp_path, "backend", "my-own").returncode == 0
    checked = _run("bench", "check", "./my_own.py", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "failed" not in checked.stdout
    assert checked.stdout.count("\tpassed\t") >= 12


@pytest.mark.slow
def test_a_backend_that_was_broken_fails_the_check_and_a_crash_costs_one(tmp_path: Path) -> None:
    for each in ("onnx", "onnxscript", "torch"):
        pytest.importorskip(each, reason="the check compares with torch on an exported model")
    assert _new(tmp_path, "backend", "my-own").returncode == 0
    file = tmp_path / "my_own.py"
    text = file.read_text()
    assert "if device !=" in text
    file.write_text(text.replace('if device != "cpu":', "if device != 'cpu':\n            import os; os.abort()"))
    checked = _run("bench", "check", "./my_own.py", folder=tmp_path)
    assert checked.returncode == 1
    failed = [line for line in checked.stdout.splitlines() if "\tfailed\t" in line]
    assert failed == ["my-own\tdevice\tfailed\tthe process died of SIGABRT"]


def test_the_pyproject_of_a_package_declares_the_entry_point(tmp_path: Path) -> None:
    import tomllib

    assert _new(tmp_path, "backend", "my-own", "--package").returncode == 0
    project = tomllib.loads((tmp_path / "joulebench-my-own" / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["bench"] == {"my-own": "bench_my_own"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["backend", "My Own"], "is no name"),
        (["backend", "json"], "module of Python"),
        (["compressor", "prune"], "is called 'prune' already"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(words: list[str], told: str, tmp_path: Path) -> None:
    found = _new(tmp_path, *words)
    assert found.returncode == 2
    assert told in found.stderr
    assert not list(tmp_path.glob("*.py"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "test_my_own.py").write_text("mine")
    found = _new(tmp_path, "backend", "my-own")
    assert found.returncode == 2
    assert "it is there already: test_my_own.py" in found.stderr
    assert not (tmp_path / "my_own.py").exists()


def test_a_plugin_without_backends_is_told_so(tmp_path: Path) -> None:
    found = _run("bench", "check", "prune", folder=tmp_path)
    assert found.returncode == 2
    assert "offers no backend" in found.stderr
    assert "Did you mean 'torch'" in _run("bench", "check", "torhc", folder=tmp_path).stderr
