"""The benchmark of distillation: its figures from accuracies made up, and first weights that follow the seed."""

import importlib.util
import sys
from pathlib import Path

import bench_tasks
import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "distillation.py"


@pytest.fixture(scope="module")
def distillation():
    spec = importlib.util.spec_from_file_location("distillation_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


def test_gains_are_paired_by_seed(distillation):
    """Accuracies that scatter by 20 points, gains of 1, 2 and 3: Student's t at 2 degrees of freedom is 4.303."""
    found = distillation.figures("300", [0.60, 0.80, 0.70], [0.61, 0.82, 0.73])
    assert found["gain_300_pp"] == pytest.approx(2.0)
    assert found["gain_300_low_pp"] == pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-3)
    assert found["gain_300_high_pp"] == pytest.approx(2 + 4.3027 / 3**0.5, abs=1e-3)
    assert (found["alone_300_pct"], found["taught_300_pct"]) == (pytest.approx(70), pytest.approx(72))


def test_first_weights_follow_the_seed(distillation, tmp_path):
    task = bench_tasks.toy()

    def first(seed):
        return distillation.Reseeded(task, seed=seed, workdir=tmp_path).student("half").hidden.weight

    with torch.random.fork_rng(devices=[]):
        assert torch.equal(first(1), first(1))
        assert not torch.equal(first(1), first(2))


def test_few_examples_are_trained_on_for_as_many_steps(distillation, monkeypatch):
    task, seen = bench_tasks.toy(), []
    monkeypatch.setattr(
        distillation.bench_distill,
        "distill",
        lambda model, ctx, **options: seen.append(options) or model,
    )
    for examples in (300, None):
        distillation.accuracy(task, examples, 0, 0.0)
    per_epoch = [-(-(each["examples"] or 1000) // task.recipe.batch) for each in seen]
    steps = [each["epochs"] * count for each, count in zip(seen, per_epoch, strict=True)]
    assert steps[0] == pytest.approx(steps[1])
