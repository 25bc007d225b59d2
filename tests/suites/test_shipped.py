"""The shipped suites: every name and option in them is offered, and they hold what they promise."""

from pathlib import Path

import pytest

from bench.shelf import shelf
from bench.suite import load, recipe_name

SUITES = sorted(path.stem for path in shelf("suites").glob("*.yaml"))
TOY = "toy"
# Lists every compressor; its comparisons are launched in bundles.
LONG = "compressors"


@pytest.fixture(params=SUITES)
def suite(request, vocabulary):
    return load(Path(request.param), vocabulary=vocabulary, env={})


def test_it_is_found_by_name_and_bears_that_name(suite):
    assert suite.name == suite.source.stem
    assert suite.about


def test_no_comparison_needs_bundles_but_that_of_every_compressor(suite):
    for cells in suite.comparisons().values():
        assert cells[0].is_baseline
        assert len(cells) > 1
        assert len(cells) <= 6 or suite.name == LONG


def test_the_toy_is_for_smoke_only(suite):
    assert (TOY in {cell.task for cell in suite.cells()}) == (suite.name == "smoke")


def test_mobile(vocabulary):
    suite = load(Path("mobile"), vocabulary=vocabulary, env={})
    cells = suite.cells()
    assert len(cells) >= 24
    assert {cell.task for cell in cells} == {"mnist-dscnn", "mnist-resnet8", "minilm", "magika"}
    assert {cell.backend for cell in cells} == {"torch", "onnxruntime"}
    assert {cell.backend for cell in cells if cell.task == "magika"} == {"onnxruntime"}
    trained = {
        cell.task for cell in cells for step in cell.recipe if "finetune" in step.options or step.name == "distill"
    }
    assert trained == {"mnist-dscnn", "mnist-resnet8"}
    assert dict(suite.limits) == {"quality_drop": 0.01, "latency_p90": 0.03, "size": 2e7}
    assert suite.measure.timeout_s == 600


def test_smoke_ends_within_a_minute(vocabulary):
    suite = load(Path("smoke"), vocabulary=vocabulary, env={})
    assert len(suite.comparisons()) * suite.measure.budget_s <= 10
    assert {recipe_name(cell.recipe) for cell in suite.cells()} == {
        "none",
        "quantize(mode=dynamic)",
        "prune(sparsity=0.5)",
    }
