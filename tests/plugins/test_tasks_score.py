"""Scores: known answers, and outputs that are wrong in every way a broken backend makes them wrong."""

from __future__ import annotations

from typing import Any

import bench_tasks
import numpy as np
import pytest
from bench_tasks import retrieval
from bench_tasks.corpus import LABELS

import bench


def labels(task: Any) -> np.ndarray[Any, Any]:
    return task.splits[1].y


def test_perfect_logits_score_one_and_outcomes_follow_the_order() -> None:
    task = bench_tasks.mnist_dscnn()
    logits = np.eye(10, dtype=np.float32)[labels(task)]
    assert task.score({"output": logits}).value == 1
    logits[[3, 5]] *= -1
    score = task.score({"anything": logits, "output_1": np.zeros(3)})
    assert np.flatnonzero(score.outcomes == 0).tolist() == [3, 5]
    assert score.value == pytest.approx(1_998 / 2_000) and score.value == score.outcomes.mean()


def test_broken_logits_are_wrong_not_lucky() -> None:
    task = bench_tasks.toy()
    assert task.score({"output": np.full((500, 4), np.nan)}).value == 0
    assert task.score({"output": np.zeros((500, 4))}).value == pytest.approx((labels(task) == 0).mean())


@pytest.mark.parametrize("shape", [(499, 4), (500,), (500, 2, 2)])
def test_outputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one row of outputs for each of 500 evaluation examples"):
        bench_tasks.toy().score({"output": np.zeros(shape)})


def test_permuted_outputs_fall_to_chance() -> None:
    task = bench_tasks.mnist_resnet8()
    logits = np.eye(10)[labels(task)]
    shuffled = logits[np.random.default_rng(1).permutation(len(logits))]
    assert 0.05 < task.score({"output": shuffled}).value < 0.15


def reference_ranks(queries: np.ndarray[Any, Any], documents: np.ndarray[Any, Any]) -> list[float]:
    """The textbook way: sort every pool."""
    found = []
    for pool_queries, pool_documents in zip(queries, documents, strict=True):
        for i, query in enumerate(pool_queries):
            order = sorted(range(len(pool_documents)), key=lambda j: -float(query @ pool_documents[j]))
            found.append(1 / (1 + order.index(i)))
    return found


def test_reciprocal_ranks_agree_with_sorting() -> None:
    rng = np.random.default_rng(0)
    documents = rng.normal(size=(3, 20, 8))
    queries = documents + rng.normal(size=documents.shape)
    found = retrieval.reciprocal_ranks(queries, documents)
    assert found.shape == (3, 20)
    assert found.ravel().tolist() == pytest.approx(reference_ranks(queries, documents))
    assert 0.2 < found.mean() < 0.99


def test_collapsed_or_missing_embeddings_rank_last() -> None:
    """A model that gives every text the same vector has found nothing."""
    last = 1 / retrieval.POOL
    task = bench_tasks.minilm()
    n = 2 * retrieval.POOL * retrieval.POOLS
    for value in (1.0, 0.0, np.nan):
        assert task.score({"output": np.full((n, 384), value)}).value == pytest.approx(last)


def test_retrieval_ignores_length_and_sees_the_pairing() -> None:
    task = bench_tasks.minilm()
    pairs = retrieval.POOL * retrieval.POOLS
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(pairs, 384))
    stacked = np.concatenate([vectors, vectors * rng.uniform(0.1, 10, size=(pairs, 1))])
    score = task.score({"output": stacked})
    assert score.value == 1 and score.outcomes.shape == (pairs,)
    swapped = np.concatenate([vectors, np.roll(vectors, 1, axis=0)])
    assert task.score({"output": swapped}).value < 0.1


def test_only_the_own_pool_competes() -> None:
    """A better match in another pool costs nothing."""
    task = bench_tasks.minilm()
    one_pool = np.eye(retrieval.POOL)
    every_pool = np.concatenate([one_pool] * retrieval.POOLS)
    assert task.score({"output": np.concatenate([every_pool, every_pool])}).value == 1


def test_magika_accepts_the_labels_of_the_extension_only() -> None:
    task: Any = bench_tasks.magika()
    space = magika_labels()
    extensions = [extension for extension, _ in task.splits["evaluation"]]
    for choice in (0, -1):
        scores = np.zeros((len(extensions), len(space)), np.float32)
        for row, extension in enumerate(extensions):
            scores[row, space.index(LABELS[extension][choice])] = 1
        assert task.score({"target_label": scores}).value == 1
    assert task.score({"target_label": np.roll(scores, 1, axis=1)}).value < 0.1
    assert task.score({"target_label": scores[::-1]}).value < 0.2
    assert task.score({"target_label": np.full_like(scores, np.nan)}).value == 0


def magika_labels() -> list[str]:
    from magika import Magika

    return [str(each) for each in Magika()._model_config.target_labels_space]


def test_every_label_is_one_that_the_model_knows() -> None:
    assert {label for known in LABELS.values() for label in known} <= set(magika_labels())


def test_only_offered_formats_are_written(tmp_path: Any) -> None:
    onnx = bench_tasks.magika().artifact("onnx", tmp_path)
    assert onnx.parent == tmp_path and onnx.suffix == ".onnx" and onnx.stat().st_size > 3_000_000
    for task in (bench_tasks.magika(), bench_tasks.toy(), bench_tasks.minilm()):
        with pytest.raises(bench.Unsupported, match="comes as"):
            task.artifact("litert", tmp_path)
