"""A task's model and steps on its file in an environment that was built: the package they import is only there."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.envs import Environment, build, of_offer, remove
from bench.plan import Catalogue, PlannedComparison, make_plan
from bench.run import Metering, Settings, spawn_child
from bench.run.build import Builder
from bench.run.built import Side
from bench.run.ledger import Ledger
from bench.store import Cache
from bench.suite.cell import Cell, Step
from bench.worker.loading import describe_file

PLUGIN = """
from pathlib import Path
import numpy as np
import bench

WHERE = {{"needs": ("bench_tiny",), "environment": ("bench-tiny @ {url}",)}}


@bench.task("framed", produces="toy", **WHERE)
class Framed:
    metric = bench.Metric("accuracy")

    def digest(self):
        return "sha256:framed"

    def artifact(self, format, folder):
        import bench_tiny

        path = Path(folder) / "w.npz"
        np.savez(path, w=np.full(2, bench_tiny.ANSWER))
        return path

    def inputs(self, split, n=None):
        return {{"x": np.arange(12.0).reshape(6, 2)[:n]}}

    def example(self, batch, seed):
        return {{"x": np.ones((batch, 2))}}

    def score(self, outputs):
        return bench.Score(1.0, np.ones(6))


@bench.compressor("lower", accepts="toy", **WHERE)
def lower(artifact, ctx):
    import bench_tiny

    with np.load(artifact.path) as archive:
        w = archive["w"] - bench_tiny.ANSWER + ctx.calibration(2)["x"].sum()
    path = Path(ctx.workdir) / "w.npz"
    np.savez(path, w=w)
    return path


@bench.counter("parameters", accepts="toy", **WHERE)
def parameters(artifact):
    import bench_tiny

    return bench.Reading.counted(bench_tiny.ANSWER, "count")


@bench.counter("nonzero", accepts="toy")
def nonzero(artifact):
    return bench.Reading.counted(2, "count")


@bench.counter("flops", accepts="toy", **WHERE)
def flops(artifact):
    import os

    with np.load(artifact.path) as archive:
        if archive["w"][0] == 6.0:
            os._exit(3)
    return bench.Reading.counted(1, "FLOP")


@bench.backend("here", accepts="toy")
class Here:
    def open(self, artifact, *, device, threads):
        raise bench.Unsupported("opens nothing")
"""


@pytest.fixture
def catalogue(wheel: Path, tmp_path: Path) -> Catalogue:
    path = tmp_path / "framed.py"
    path.write_text(PLUGIN.format(url=wheel.as_uri()))
    return Catalogue.from_offers(describe_file(str(path)))


def planned(catalogue: Catalogue) -> PlannedComparison:
    cell = Cell("s", "framed", (Step("lower"),), "here")
    (comparison,) = make_plan([cell], catalogue).comparisons
    return comparison


def builder(catalogue: Catalogue, tmp_path: Path) -> Builder:
    settings = Settings(Cache(tmp_path / "cache"), spawn_child, timeout_s=120.0)
    return Builder(settings, catalogue, Ledger(), Metering(settings, catalogue))


def test_the_package_is_imported_there_and_the_data_comes_from_here(
    catalogue: Catalogue, tmp_path: Path, reaching: Callable[[Environment], Environment]
) -> None:
    assert importlib.util.find_spec("bench_tiny") is None
    task = catalogue.one("task", "framed")
    wanted = of_offer(task)
    assert {each.reason is not None and wanted.command in each.reason for each in planned(catalogue).cells} == {True}
    there = reaching(build(wanted, installer="pip"))
    comparison, made = planned(catalogue), builder(catalogue, tmp_path)
    facts = made.task(comparison)
    base, side = (Side(each) for each in comparison.runnable)
    for each in (base, side):
        made.build(each, task)
    assert base.artifact is not None
    assert side.artifact is not None
    assert facts.reference == base.artifact.digest
    with np.load(side.artifact.path) as archive:
        assert archive["w"].tolist() == [6.0, 6.0]
    assert [each["step"] for each in side.artifact.lineage] == ["lower"]
    counts = {name: each["value"] for name, each in base.counts["readings"].items()}
    assert counts == {"parameters": 42, "flops": 1, "nonzero": 2}
    counts = {name: each["value"] for name, each in side.counts["readings"].items()}
    assert counts == {"parameters": None, "flops": None, "nonzero": 2}, "a lost worker costs what is counted there"
    assert "worker" in side.counts["readings"]["flops"]["reason"]
    keys = made._keys(task, comparison.runnable[1].route)  # type: ignore[arg-type]  # it has one
    remove(there)
    assert all(each.route is None for each in planned(catalogue).cells)
    assert len(set(keys)) == 2
