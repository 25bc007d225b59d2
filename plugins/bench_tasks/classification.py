"""Classification: one class is right for each example, and the metric is accuracy."""

from __future__ import annotations

import numpy as np

import bench
from bench_tasks import examples
from bench_tasks.trained import Labelled, Recipe, Trained

__all__ = ["Classification", "Labelled", "Recipe"]


class Classification(Trained):
    """A task with one input `x` and logits [n, classes] as output."""

    metric = bench.Metric("accuracy")

    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return top-1 accuracy: an outcome is 1 where the largest logit is the label's; a row with NaN is wrong."""
        labels = self.splits[1].y
        logits = examples.only_output(outputs, len(labels))
        right = (logits.argmax(axis=1) == labels) & ~np.isnan(logits).any(axis=1)
        return examples.mean_score(right.astype(np.float64))
