"""What the context keeps of training: wall and processor seconds, and samples when every fit says them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Unsupported
from bench.protocols import Metric
from bench.worker.context import WorkerContext


class Trainable:
    """A task whose training is a busy loop that says what it saw."""

    metric = Metric("none")

    def digest(self) -> str:
        return ""

    artifact = inputs = example = score = module = student = digest

    def fit(self, model: Any, *, work: int = 0, fail: bool = False, **facts: Any) -> Mapping[str, Any]:
        sum(range(work))
        if fail:
            raise ValueError("diverged")
        return facts


def context(tmp_path: Path) -> WorkerContext:
    return WorkerContext(Trainable(), seed=0, workdir=tmp_path)  # type: ignore[arg-type]


def test_training_is_booked_in_wall_and_processor_seconds(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    assert (ctx.train_s, ctx.train_cpu_s, ctx.train_samples) == (0.0, 0.0, 0)
    for samples in (300, 200):
        assert ctx.fit(None, work=300_000, samples=samples)["samples"] == samples
    assert ctx.train_s > 0
    assert ctx.train_cpu_s > 0
    assert ctx.train_samples == 500


@pytest.mark.parametrize("unsaid", [{}, {"samples": None}, {"samples": "many"}])
def test_samples_of_one_fit_that_does_not_say_make_the_sum_unknown(tmp_path: Path, unsaid: dict[str, Any]) -> None:
    ctx = context(tmp_path)
    ctx.fit(None, samples=300)
    ctx.fit(None, **unsaid)
    ctx.fit(None, samples=300)
    assert ctx.train_samples is None


def test_a_fit_that_fails_is_booked_all_the_same(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    with pytest.raises(ValueError, match="diverged"):
        ctx.fit(None, work=300_000, fail=True)
    assert ctx.train_cpu_s > 0


def test_a_steps_own_training_is_booked_like_the_tasks(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    ctx.fit(None, samples=300)
    assert ctx.train(lambda: sum(range(300_000)), samples=200) == 44999850000
    assert ctx.train_cpu_s > 0
    assert ctx.train_samples == 500
    ctx.train(lambda: None)
    assert ctx.train_samples is None


def test_labelled_examples_are_the_tasks_or_unsupported(tmp_path: Path) -> None:
    class Labelled(Trainable):
        artifact = inputs = example = score = Trainable.digest

        def labelled(self, n: int) -> Any:
            return {"x": n}, n

    assert WorkerContext(Labelled(), seed=0, workdir=tmp_path).labelled(3) == ({"x": 3}, 3)  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="no labelled training examples"):
        context(tmp_path).labelled(3)
