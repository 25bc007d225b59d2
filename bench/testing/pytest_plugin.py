"""The pytest plugin: `pytest suites/mobile.yaml` makes every cell a test, `efficiency` gates a model in a test.

pytest imports this module in every session wherever joulebench is installed: it imports nothing but pytest, and looks
at no file that was not named on the command line (or asked for with --bench-collect).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

SUFFIXES = (".yaml", ".yml")
HEAD_BYTES = 65_536
# The first key of every suite, at the beginning of a line.
IS_SUITE = re.compile(rb"^(?:bench|\"bench\"|'bench')\s*:", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("bench", "compression benchmarks (joulebench)")
    group.addoption("--bench-against", metavar="BASE", help="Gate suites against a revision, a run or a baseline file.")
    group.addoption("--bench-minutes", metavar="N", type=float, help="Minutes a gate may take.")
    group.addoption("--bench-plugin", metavar="FILE", action="append", default=[], help="A one-file plugin of bench.")
    group.addoption("--bench-output", metavar="DIR", help="Keep the runs of suites here, one folder a suite.")
    group.addoption("--bench-collect", action="store_true", help="Collect suites in folders too, not only named ones.")


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixture `efficiency`, which needs pytest-benchmark's `benchmark`."""
    if config.pluginmanager.hasplugin("benchmark"):
        config.pluginmanager.register(WithBenchmark(), "bench-efficiency")
    else:
        config.pluginmanager.register(WithoutBenchmark(), "bench-efficiency")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a YAML file that is a suite."""
    if file_path.suffix not in SUFFIXES:
        return None
    if not (parent.session.isinitpath(file_path) or parent.config.getoption("bench_collect")):
        return None
    if not _is_suite(file_path):
        return None
    from bench.testing.items import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)


def _is_suite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return IS_SUITE.search(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return False


class WithBenchmark:
    """The fixture where pytest-benchmark is active."""

    @pytest.fixture
    def bench_clock(self, request: pytest.FixtureRequest) -> Any:
        """Give `benchmark` a clock that can also tell times measured elsewhere; set before `benchmark` is made."""
        from bench.testing.clock import Clock

        clock = Clock()
        marker = request.node.get_closest_marker("benchmark")
        options = {**(marker.kwargs if marker else {}), "timer": clock.read}
        request.node.add_marker(pytest.mark.benchmark(**options), append=False)
        return clock

    @pytest.fixture
    def efficiency(self, bench_clock: Any, benchmark: Any) -> Any:
        """Gate a model: `efficiency(call_or_file, baseline=…, limits="latency: +5 %, size: 3 MB")`."""
        from bench.testing.efficiency import Efficiency

        return Efficiency(benchmark, bench_clock)


class WithoutBenchmark:
    """The fixture where it is not: it says what is missing."""

    @pytest.fixture
    def efficiency(self) -> Any:
        """Say what is missing."""
        pytest.fail("the fixture 'efficiency' needs pytest-benchmark: pip install pytest-benchmark", pytrace=False)
