"""A project of its own in which the plugin is active, whether or not it is installed as an entry point."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

import bench_onnxruntime  # noqa: F401 - see below
import bench_prune  # noqa: F401
import bench_tasks  # noqa: F401
import pytest

# A project's session forgets what it imported: what is imported here is imported once for all of them.
from bench.suite import suite  # noqa: F401
from bench.testing import calls, efficiency, files, items  # noqa: F401

MODULE = "bench.testing.pytest_plugin"
INSTALLED = any(each.value == MODULE for each in importlib.metadata.entry_points(group="pytest11"))
SUITE = """\
bench: 1
name: toys
matrix:
  task: [toy]
  recipe: [none, prune: {sparsity: 0.5}]
  backend: [onnxruntime]
limits: {size: 20 MB}
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in the project."""
    monkeypatch.setenv("BENCH_PLUGINS", "tasks,onnxruntime,prune")
    monkeypatch.setenv("BENCH_CACHE", str(pytester.path / "cache"))
    # The project's session is no worker of ours: pytest-benchmark would refuse to time anything in it.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    plugin = [] if INSTALLED else ["-p", MODULE]

    def run(*arguments: object) -> pytest.RunResult:
        words = [*plugin, "-p", "no:cacheprovider", *map(str, arguments)]
        return pytester.runpytest_inprocess(*words)

    return run


@pytest.fixture(name="suite")
def write_suite(pytester: pytest.Pytester) -> str:
    pytester.makefile(".yaml", toys=SUITE)
    return "toys.yaml"
