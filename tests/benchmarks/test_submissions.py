"""The benchmark of the submission checker cuts suites into comparisons without changing a cell."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from bench.cli.setup import open_registry, open_suite
from bench.suite import load

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "submissions.py"


@pytest.fixture(scope="module")
def submissions():
    spec = importlib.util.spec_from_file_location("submissions_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    before, known = list(sys.path), set(sys.modules)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        for name in {spec.name, "harness", "tampering"} - known:
            sys.modules.pop(name, None)


def test_slices_hold_the_cells_of_the_suite(submissions, tmp_path):
    registry, catalogue = open_registry()
    for name in submissions.SUITES:
        suite, _ = open_suite(name, registry, catalogue)
        cells = set()
        for number, text in submissions.slices(suite, "1s"):
            file = tmp_path / f"{number}.yaml"
            file.write_text(text)
            json.loads(text)
            cells |= {each.id for each in load(file, vocabulary=None, env={}).cells()}
        assert cells == {each.id for each in suite.cells()}
