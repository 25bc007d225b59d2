"""One honest submission of the house, and copies of it to be tampered with."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import run_command
from bench.worker.local import LocalWorker

ROOT = Path(__file__).resolve().parents[3]
SUITE = """bench: 1
name: house
matrix:
  task: [house]
  recipe: [none, cut, slower, raises]
  backend: [numpy: {repeats: 20}]
measure: {repeat: 0.1s, min_launches: 2, rounds: 2}
limits: {latency: 1 s}
"""
METER = {
    "meter": "cpu-seconds",
    "version": "1",
    "kind": "cpu-seconds",
    "domains": ["cpu"],
    "watts_per_cpu": 3.5,
    "factor": 2.3,
    "source": "test",
}


def load(name: str) -> ModuleType:
    """Load a script of benchmarks/ as a module."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def in_process(patch: pytest.MonkeyPatch, place: Path) -> None:
    """Let commands work in this process, with an estimator of energy and no plugin but the house."""
    patch.setenv("BENCH_PLUGINS", "")
    patch.setenv("BENCH_CACHE", str(place / "cache"))
    patch.setattr("gc.collect", lambda *args: 0)
    patch.setattr("os.fsync", lambda descriptor: None)
    patch.setattr(run_command, "spawn_child", lambda *_: LocalWorker())
    patch.setattr(run_command, "estimator", lambda *_: METER)


def run_house(place: Path, out: Path, *words: str) -> None:
    """Run the house's suite, one cell of which fails."""
    (place / "house.yaml").write_text(SUITE)
    plugin = str(ROOT / "tests" / "one_file" / "house.py")
    given = [str(place / "house.yaml"), "-p", plugin, "-o", str(out), *words]
    done = CliRunner().invoke(run_command.command, given)
    assert done.exit_code in (0, run_command.SOME_FAILED), (done.output, done.exception)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in this process, as `bench run` leaves it."""
    place = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        in_process(patch, place)
        run_house(place, place / "out")
    return place / "out"


@pytest.fixture
def copied(honest: Path, tmp_path: Path) -> Callable[[], Any]:
    """Make a copy of the submission, ready to be tampered with."""

    def copy() -> Any:
        shutil.copytree(honest, tmp_path / "copy", ignore=shutil.ignore_patterns("site"))
        return load("tampering").Folder(tmp_path / "copy")

    return copy
