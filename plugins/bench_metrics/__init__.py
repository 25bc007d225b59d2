"""Metrics by name for models of one's own: `metric: auc` in a suite, `bench try --metric auc`.

This module is light: scipy, jiwer and pycocotools are imported when a metric is asked for.
"""

from __future__ import annotations

from typing import Any

import bench

EXTRA = "metrics"


@bench.metric("accuracy")
def accuracy(outputs: Any, labels: Any) -> Any:
    """Share of examples whose best-scored class is the label."""
    return (bench.label_ranks(outputs, labels) == 1) * 1.0


@bench.metric("top-5")
def top5(outputs: Any, labels: Any) -> Any:
    """Share of examples whose label is among the five best-scored classes."""
    return (bench.label_ranks(outputs, labels) <= 5) * 1.0


@bench.metric("mrr")
def mrr(outputs: Any, labels: Any) -> Any:
    """Mean reciprocal rank of the label among the classes, by their scores."""
    return 1.0 / bench.label_ranks(outputs, labels)


@bench.metric("f1")
def f1(outputs: Any, labels: Any) -> Any:
    """F1 of the best-scored class, the unweighted mean over the classes (macro)."""
    from bench_metrics.classes import macro_f1

    return macro_f1(outputs, labels)


@bench.metric("auc", needs=("scipy",), extra=EXTRA)
def auc(outputs: Any, labels: Any) -> Any:
    """Area under the ROC curve; of more than two classes the unweighted mean of each against the rest."""
    from bench_metrics.classes import roc_auc

    return roc_auc(outputs, labels)


@bench.metric("pearson", needs=("scipy",), extra=EXTRA)
def pearson(outputs: Any, labels: Any) -> Any:
    """Pearson's correlation of the one number that the model answers with the label."""
    from bench_metrics.correlation import pearson_of

    return pearson_of(outputs, labels)


@bench.metric("spearman", needs=("scipy",), extra=EXTRA)
def spearman(outputs: Any, labels: Any) -> Any:
    """Spearman's rank correlation of the one number that the model answers with the label."""
    from bench_metrics.correlation import spearman_of

    return spearman_of(outputs, labels)


@bench.metric("perplexity", higher_is_better=False, needs=("scipy",), extra=EXTRA)
def perplexity(outputs: Any, labels: Any) -> Any:
    """Exponential of the mean negative log-likelihood of the label tokens; negative labels are padding."""
    from bench_metrics.sequences import perplexity_of

    return perplexity_of(outputs, labels)


@bench.metric("wer", higher_is_better=False, needs=("jiwer",), extra=EXTRA)
def wer(outputs: Any, labels: Any) -> Any:
    """Word error rate of all words together; words are texts or token numbers."""
    from bench_metrics.sequences import wer_of

    return wer_of(outputs, labels)


@bench.metric("map", needs=("pycocotools",), extra=EXTRA)
def mean_average_precision(outputs: Any, labels: Any) -> Any:
    """Mean average precision of boxes as COCO has it, over overlaps of 0.50 to 0.95."""
    from bench_metrics.detection import average_precision

    return average_precision(outputs, labels)
