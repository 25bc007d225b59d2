"""Metrics by name: equal to what scikit-learn, scipy and the papers say, and clear about what they cannot grade."""

import bench_metrics
import numpy as np
import pytest

import bench
from bench.grading import Grader

RNG = np.random.default_rng(3)
N = 90
LABELS = RNG.integers(0, 6, N)
SCORES = RNG.standard_normal((N, 7)) + np.eye(7)[LABELS]


def graded(name, outputs, labels):
    (offer,) = [each for each in bench.offers_of(bench_metrics) if each.name == name]
    for package in offer.needs:
        pytest.importorskip(package, reason=f"{package} is of the extra `metrics`, whose tests .ci/run runs last")
    if not isinstance(outputs, dict):
        outputs = {"out": outputs}
    return Grader.of(offer.target).outcomes(outputs, labels)


def test_every_metric_declares_unit_and_direction_and_the_light_ones_need_nothing():
    offers = {each.name: each for each in bench.offers_of(bench_metrics)}
    names = ["accuracy", "top-5", "mrr", "f1", "auc", "pearson", "spearman", "perplexity", "wer", "map"]
    assert list(offers) == names
    assert [name for name in names if not offers[name].facts["higher_is_better"]] == ["perplexity", "wer"]
    assert all(each.facts["unit"] == "1" for each in offers.values())
    assert not any(offers[name].needs for name in ("accuracy", "top-5", "mrr", "f1"))


def test_metrics_of_classes_are_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle (extra `mobile`)")
    answers = SCORES.argmax(axis=1)
    everything = range(7)
    expected = {
        "accuracy": metrics.accuracy_score(LABELS, answers),
        "top-5": metrics.top_k_accuracy_score(LABELS, SCORES, k=5, labels=everything),
        "mrr": metrics.label_ranking_average_precision_score(np.eye(7)[LABELS], SCORES),
        "f1": metrics.f1_score(LABELS, answers, average="macro"),
    }
    for name, value in expected.items():
        assert graded(name, SCORES, LABELS).mean() == pytest.approx(value), name


def test_the_area_is_scikit_learns_for_two_classes_and_for_more():
    area = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle (extra `mobile`)").roc_auc_score
    two = (LABELS > 2).astype(int)
    single = np.round(SCORES[:, 5], 1)  # with ties
    assert graded("auc", single, two).mean() == pytest.approx(area(two, single))
    assert graded("auc", single[:, None], two).mean() == pytest.approx(area(two, single))
    pair = np.stack([-single, single], axis=1)
    assert graded("auc", pair, two).mean() == pytest.approx(area(two, single))
    chances = np.exp(SCORES[:, :6]) / np.exp(SCORES[:, :6]).sum(axis=1, keepdims=True)
    expected = area(LABELS, chances, multi_class="ovr")
    assert graded("auc", chances, LABELS).mean() == pytest.approx(expected)
    assert graded("auc", SCORES[:, :6], LABELS).mean() == pytest.approx(expected)


def test_the_area_has_the_interval_of_delong():
    pytest.importorskip("scipy", reason="scipy is of the extras `mobile` and `metrics`")
    truth = np.arange(200) % 2
    scores = RNG.standard_normal(200) + truth
    good, bad = scores[truth == 1], scores[truth == 0]
    wins = (good[:, None] > bad).astype(float)
    delong = np.sqrt(wins.mean(axis=1).var(ddof=1) / 100 + wins.mean(axis=0).var(ddof=1) / 100)
    found = graded("auc", scores, truth)
    assert found.std(ddof=1) / np.sqrt(200) == pytest.approx(delong, rel=0.02)


def test_correlations_are_scipys():
    stats = pytest.importorskip("scipy.stats", reason="scipy is of the extras `mobile` and `metrics`")
    truth = RNG.standard_normal(60)
    answers = (truth + RNG.standard_normal(60)).astype(np.float32)[:, None]
    for name, function in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        expected = function(answers[:, 0].astype(float), truth).statistic
        assert graded(name, answers, truth).mean() == pytest.approx(expected)


def test_perplexity_counts_tokens_not_examples_and_leaves_padding_out():
    scores = np.log(np.full((2, 3, 4), 0.25))
    scores[0, 0] = np.log([0.5, 0.3, 0.1, 0.1])
    labels = np.array([[0, -100, -100], [1, 2, 3]])
    expected = np.exp(-(np.log(0.5) + 3 * np.log(0.25)) / 4)
    assert graded("perplexity", scores, labels).mean() == pytest.approx(expected)


def test_word_errors_are_of_all_words_together():
    said = np.array(["the cat sat", "on mat", "a b c d"])
    meant = np.array(["the cat sat", "on the mat", "a x c d e"])
    assert graded("wer", said, meant).mean() == pytest.approx(3 / 11)


def test_word_errors_of_scores_take_the_best_path():
    best = np.array([[0, 1, 1, 0, 1, 2], [3, 3, 0, 0, 0, 0]])  # reads 1 1 2, and 3
    labels = np.array([[1, 1, 2], [3, 4, -1]])
    assert graded("wer", np.eye(5)[best], labels).mean() == pytest.approx(1 / 5)


def test_boxes_that_are_the_truth_score_one_and_half_of_them_less():
    corners = RNG.random((6, 3, 2)) * 50
    boxes = np.concatenate([corners, corners + 20], axis=2)
    kinds = np.tile([0, 1, 1], (6, 1))
    labels = np.concatenate([kinds[..., None], boxes], axis=2)
    scores = np.full((6, 3), 0.9)
    outputs = {"labels": kinds, "boxes": boxes, "scores": scores}
    assert graded("map", outputs, labels).mean() == pytest.approx(1.0)
    shifted = {**outputs, "boxes": boxes + np.where(kinds == 0, 3.0, 0.0)[..., None]}
    # Class 0 overlaps by 17^2 / (2 * 20^2 - 17^2) = 0.566: enough for 2 of the 10 thresholds.
    assert graded("map", shifted, labels).mean() == pytest.approx((0.2 + 1) / 2, abs=0.01)


def test_boxes_are_found_by_order_where_the_outputs_have_other_names():
    box = np.tile([[0.0, 0.0, 10.0, 10.0]], (2, 1, 1))
    outputs = {"a": box, "b": np.ones((2, 1)), "c": np.zeros((2, 1), int)}
    labels = np.concatenate([np.zeros((2, 1, 1)), box], axis=2)
    assert graded("map", outputs, labels).mean() == pytest.approx(1.0)


ONE = np.zeros((4, 1))
ODD = {
    "accuracy": (SCORES, LABELS + 5, "a label is 10, and the model's classes are 0 to 6"),
    "f1": (SCORES, LABELS * 0, "all 90 labels are 0: data of one class"),
    "auc": (np.zeros(4), np.array([0, 0, 0, 1]), "a class has too few examples"),
    "pearson": (SCORES, LABELS, "one number an example, and the model answers 7"),
    "spearman": (ONE, np.arange(4), "the model answers 0 to all 4 examples"),
    "perplexity": (SCORES, LABELS.astype(float), "perplexity wants scores"),
    "wer": (np.array(["a", "b"]), np.array(["a", " "]), "1 of 2 labels hold no word"),
    "map": (ONE, np.zeros((4, 1, 5)), "map wants boxes (n, k, 4)"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_graded_is_one_sentence(name):
    outputs, labels, says = ODD[name]
    with pytest.raises(bench.BadInput) as caught:
        graded(name, outputs, labels)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"the metric '{name}'")
    assert "\n" not in str(caught.value)
