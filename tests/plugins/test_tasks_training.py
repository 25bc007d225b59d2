"""The training loop: it learns, repeats itself bit for bit, and leaves everything else as it found it."""

from __future__ import annotations

import math
from typing import Any

import bench_tasks
import numpy as np
import pytest
import torch
from bench_tasks import training
from hypothesis import given
from hypothesis import strategies as st

import bench

from .task_packages import where_installed

TRAINABLE = ["toy", "mnist_dscnn", "mnist_resnet8", "activity"]


def state(model: Any) -> dict[str, torch.Tensor]:
    return {key: each.clone() for key, each in model.state_dict().items()}


def equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(each, right[key]) for key, each in left.items())


@pytest.fixture(scope="module", params=where_installed(TRAINABLE))
def task(request: pytest.FixtureRequest) -> Any:
    return getattr(bench_tasks, request.param)()


def test_some_steps_reduce_the_loss(task: Any) -> None:
    losses: list[float] = []

    def watched(model: Any, inputs: Any, targets: Any) -> torch.Tensor:
        value = training.cross_entropy(model, inputs, targets)
        losses.append(value.item())
        return value

    facts = task.fit(task.student("half"), epochs=1, seed=0, loss=watched)
    assert facts["steps"] == len(losses)
    assert facts["final_loss"] == pytest.approx(np.mean(losses[-training.LAST_STEPS :]))
    assert facts["final_loss"] < 0.9 * losses[0]


def test_same_seed_same_bits_and_another_seed_others(task: Any) -> None:
    trained = []
    for seed in (3, 3, 4):
        model = task.student("half")
        task.fit(model, epochs=0.2, seed=seed)
        trained.append(state(model))
    assert equal(trained[0], trained[1])
    assert not equal(trained[0], trained[2])


def test_the_world_is_left_as_it_was(task: Any) -> None:
    torch.manual_seed(11)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1]
    threads = torch.get_num_threads()
    model = task.student("half").train()
    task.fit(model, epochs=0.1, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert not model.training and not any(each.training for each in model.modules())


def test_fresh_models_are_always_the_same_and_take_no_randomness(task: Any) -> None:
    before = torch.get_rng_state()
    assert equal(state(task.untrained()), state(task.untrained()))
    assert equal(state(task.student("half")), state(task.student("half")))
    assert torch.equal(torch.get_rng_state(), before)


def test_reference_is_a_fresh_copy_each_time(task: Any) -> None:
    first = task.module()
    with torch.no_grad():
        next(first.parameters()).zero_()
    second = task.module()
    assert not equal(state(first), state(second))
    assert not second.training


def test_student_is_smaller_and_takes_the_same_inputs(task: Any) -> None:
    def count(model: Any) -> int:
        return sum(each.numel() for each in model.parameters())

    student, reference = task.student("half"), task.module()
    assert count(student) < 0.6 * count(reference)
    inputs = {key: torch.from_numpy(each) for key, each in task.example(3, 0).items()}
    assert student(**inputs).shape == reference(**inputs).shape
    with pytest.raises(ValueError, match="no student 'quarter'; known: half"):
        task.student("quarter")


def test_masks_hold_through_training() -> None:
    toy = bench_tasks.toy()
    model = toy.module()
    mask = (model.hidden.weight.abs() > 0.2).float()
    steps: list[tuple[int, int]] = []

    def after_step(step: int, total: int) -> None:
        steps.append((step, total))
        with torch.no_grad():
            model.hidden.weight.mul_(mask)

    facts = toy.fit(model, epochs=1.5, seed=0, after_step=after_step)
    assert facts["steps"] == 24  # 16 batches of 64 in 1,000 examples, one and a half times
    assert facts["samples"] == 1_000 + 8 * 64
    assert steps == [(step, 24) for step in range(1, 25)]
    assert (model.hidden.weight[mask == 0] == 0).all()
    assert (model.hidden.weight[mask == 1] != 0).all()


def test_learning_rate_is_obeyed() -> None:
    toy = bench_tasks.toy()
    moved = []
    for rate in (None, 1e-5):
        model = toy.student("half")
        start = model.hidden.weight.detach().clone()
        facts = toy.fit(model, epochs=0.3, seed=0, learning_rate=rate)
        moved.append((model.hidden.weight - start).abs().max().item())
        assert facts["learning_rate"] == (rate or toy.recipe.learning_rate)  # type: ignore[attr-defined]
    assert moved[1] < moved[0] / 50


def test_frozen_parameters_stay() -> None:
    toy = bench_tasks.toy()
    model = toy.student("half")
    model.hidden.requires_grad_(False)
    before = state(model)
    toy.fit(model, epochs=0.2, seed=0)
    after = state(model)
    assert torch.equal(before["hidden.weight"], after["hidden.weight"])
    assert not torch.equal(before["output.weight"], after["output.weight"])


def test_no_epochs_is_no_step() -> None:
    toy = bench_tasks.toy()
    model = toy.module()
    before = state(model)
    facts = toy.fit(model, epochs=0, seed=0)
    assert (facts["steps"], facts["samples"], facts["final_loss"]) == (0, 0, None)
    assert equal(before, state(model))


def test_divergence_is_an_error_that_says_what_to_do() -> None:
    toy = bench_tasks.toy()
    model = toy.student("half")
    with pytest.raises(bench.BenchError, match="became nan at step 1\n  lower learning_rate"):
        toy.fit(model, epochs=1, seed=0, loss=lambda model, inputs, targets: model(**inputs).sum() * math.nan)
    assert not model.training


@pytest.mark.parametrize("epochs", [-0.5, math.inf, math.nan])
def test_impossible_epochs_are_refused(epochs: float) -> None:
    with pytest.raises(ValueError, match="epochs must be 0 or more"):
        bench_tasks.toy().fit(bench_tasks.toy().module(), epochs=epochs, seed=0)


@given(epochs=st.floats(0, 50), examples=st.integers(1, 10_000), batch=st.integers(1, 512))
def test_steps_and_samples_agree(epochs: float, examples: int, batch: int) -> None:
    plan = training.Plan(epochs=epochs, seed=0, learning_rate=0.1, batch=batch)
    steps, samples = plan.steps(examples), plan.samples(examples)
    assert (steps == 0) == (epochs == 0) == (samples == 0)
    per_epoch = math.ceil(examples / batch)
    assert abs(steps - epochs * per_epoch) <= 1
    # The same by walking through the batches.
    sizes = [min(batch, examples - start) for start in range(0, examples, batch)]
    assert samples == (steps // per_epoch) * examples + sum(sizes[: steps % per_epoch])
