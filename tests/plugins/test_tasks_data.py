"""Data of all tasks: shapes, dtypes, identity, and that no evaluation example trains or calibrates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bench_tasks
import numpy as np
import pytest
from bench_tasks import examples

import bench

from .task_packages import where_installed

# name: input -> (dtype, shape of one example); examples in calibration and evaluation, None where versions decide.
SHAPES: dict[str, dict[str, tuple[type, tuple[int, ...]]]] = {
    "toy": {"x": (np.float32, (16,))},
    "mnist_dscnn": {"x": (np.float32, (1, 28, 28))},
    "mnist_resnet8": {"x": (np.float32, (1, 28, 28))},
    "minilm": {"ids": (np.int64, (64,)), "mask": (np.int64, (64,))},
    "magika": {"bytes": (np.int32, (2048,))},
    "activity": {"x": (np.float32, (6, 100))},
}
COUNTS = {
    "toy": (1_000, 500),
    "mnist_dscnn": (3_000, 2_000),
    "mnist_resnet8": (3_000, 2_000),
    "minilm": (512, 720),
    "activity": (3_193, 749),
}


@pytest.fixture(scope="module", params=where_installed(SHAPES))
def named(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    yield request.param, getattr(bench_tasks, request.param)()


def rows(arrays: bench.Arrays) -> set[bytes]:
    return {
        b"".join(parts) for parts in zip(*([row.tobytes() for row in each] for each in arrays.values()), strict=True)
    }


def test_shapes_and_types(named: tuple[str, Any]) -> None:
    name, task = named
    for split in ("calibration", "evaluation"):
        arrays = task.inputs(split)
        assert {key: (each.dtype.type, each.shape[1:]) for key, each in arrays.items()} == SHAPES[name]
        assert len({len(each) for each in arrays.values()}) == 1


def test_counts(named: tuple[str, Any]) -> None:
    name, task = named
    held = tuple(len(next(iter(task.inputs(split).values()))) for split in ("calibration", "evaluation"))
    if name in COUNTS:
        assert held == COUNTS[name]
    assert held[0] >= 256 and held[1] >= 300


def test_no_evaluation_example_calibrates_or_trains(named: tuple[str, Any]) -> None:
    name, task = named
    calibration, evaluation = rows(task.inputs("calibration")), rows(task.inputs("evaluation"))
    assert calibration and evaluation
    assert not calibration & evaluation
    if isinstance(task, bench.TrainableTask):
        # What it trains on is what it calibrates on: the loop hands each example to the loss.
        seen: set[bytes] = set()

        def spy(model: Any, inputs: Any, targets: Any) -> Any:
            seen.update(rows({key: each.numpy() for key, each in inputs.items()}))
            return next(model.parameters()).sum() * 0 + targets.sum() * 0

        student = "shallow" if name == "minilm" else "half"
        task.fit(task.student(student), epochs=1, seed=0, loss=spy)
        assert seen == calibration
        seen.clear()
        task.fit(task.student(student), epochs=2, seed=0, loss=spy, examples=40)
        assert seen == rows(task.inputs("calibration", 40))


def test_labelled_examples_are_those_of_calibration(named: tuple[str, Any]) -> None:
    name, task = named
    assert hasattr(task, "labelled") == (name not in ("minilm", "magika"))
    if hasattr(task, "labelled"):
        inputs, targets = task.labelled(7)
        assert np.array_equal(inputs["x"], task.inputs("calibration", 7)["x"])
        assert targets.shape == (7,)
        assert targets.dtype == np.int64
        with pytest.raises(bench.Unsupported, match=r"holds \d+ examples; 100000 were asked for"):
            task.labelled(100_000)


def test_first_n_and_too_many(named: tuple[str, Any]) -> None:
    _, task = named
    few, every = task.inputs("calibration", 5), task.inputs("calibration")
    for key, each in few.items():
        assert np.array_equal(each, every[key][:5])
    with pytest.raises(bench.Unsupported, match=r"holds \d+ examples; 100000 were asked for"):
        task.inputs("calibration", 100_000)
    with pytest.raises(ValueError, match="calibration, evaluation, not 'test'"):
        task.inputs("test")


def test_example_is_fixed_by_its_seed(named: tuple[str, Any]) -> None:
    name, task = named
    first, again, other = task.example(4, 7), task.example(4, 7), task.example(4, 8)
    assert {key: each.shape[1:] for key, each in first.items()} == {key: each[1] for key, each in SHAPES[name].items()}
    assert all(len(each) == 4 and np.array_equal(each, again[key]) for key, each in first.items())
    assert any(not np.array_equal(each, other[key]) for key, each in first.items())
    assert len(next(iter(task.example(1_000, 0).values()))) == 1_000


def test_digest_is_the_same_for_a_fresh_task(named: tuple[str, Any]) -> None:
    name, task = named
    assert task.digest() == getattr(bench_tasks, name)().digest()
    assert task.digest().startswith("sha256:")


def test_digests_of_pinned_data() -> None:
    """These data come from a seed and from a pinned package: the digest is a constant of the task's version."""
    assert bench_tasks.toy().digest() == "sha256:d46acd752c6fe1d34ac2cf18d22a4cba1632c3ab77f1b56ae9921c01870b3dcf"
    assert (
        bench_tasks.mnist_dscnn().digest()
        == bench_tasks.mnist_resnet8().digest()
        == "sha256:3a3b9004277d5ed6bd93902999bab77e3270ec83159ec233001f1e1305777996"
    )


@pytest.mark.parametrize("name", where_installed(["activity"]))
def test_exercises_are_of_people_not_trained_on(name: str) -> None:
    """A window of the same recording is nearly the same example: whole people are held out, and windows apart."""
    from bench_tasks import motion

    assert not set(motion.TRAIN_SUBJECTS) & set(motion.EVALUATION_SUBJECTS)
    train, held_out = getattr(bench_tasks, name)().splits
    assert bench_tasks.activity().digest() == "sha256:ec3af77ff6b60f04f2d4d3caa2973a993665fd140061933b983125fa2f6e7af3"
    assert np.bincount(held_out.y).min() > 80 and np.bincount(train.y).min() > 300
    readings = held_out.x.transpose(0, 2, 1).reshape(-1, 6)
    assert len(np.unique(readings, axis=0)) > 0.99 * len(readings)


def test_digits_are_the_whole_file_once() -> None:
    """The file has 500 of each digit; the permutation keeps them all."""
    train, held_out = bench_tasks.mnist_dscnn().splits  # type: ignore[attr-defined]
    labels = np.concatenate([train.y, held_out.y])
    assert np.bincount(labels).tolist() == [500] * 10
    assert np.abs(np.bincount(held_out.y) - 200).max() < 40
    pixels = np.concatenate([train.x, held_out.x])
    assert abs(pixels.mean()) < 0.05 and abs(pixels.std() - 1) < 0.05


def test_digest_sees_names_shapes_types_and_values() -> None:
    base = {"a": np.arange(6, dtype=np.int64), "b": np.zeros(2)}
    variants = [
        {"a": base["a"], "c": base["b"]},
        {"a": base["a"].reshape(2, 3), "b": base["b"]},
        {"a": base["a"].astype(np.int32), "b": base["b"]},
        {"a": base["a"][::-1], "b": base["b"]},
    ]
    digests = [examples.digest(each) for each in [base, *variants]]
    assert len(set(digests)) == len(digests)
    assert examples.digest(dict(reversed(base.items()))) == digests[0]
    assert examples.digest({**base, "a": base["a"].astype(">i8")}) == digests[0]
