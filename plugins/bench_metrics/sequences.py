"""Metrics of sequences: perplexity, and the word error rate from jiwer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
BLANK = 0


def perplexity_of(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives the perplexity of some examples: of all their tokens together, not the mean of each.

    Scores have shape (n, ..., vocabulary) and labels (n, ...), aligned: a label is the token that the scores at its
    place are for. Negative labels (-100 of torch and transformers) are padding. Raises ValueError for other shapes.
    """
    from scipy.special import log_softmax

    scores, truth = np.asarray(next(iter(outputs.values()))), np.asarray(labels)
    if truth.dtype.kind not in "iu" or scores.shape[:-1] != truth.shape:
        shapes = f"scores {scores.shape} and labels {truth.shape}, {truth.dtype}"
        raise ValueError(f"perplexity wants scores (n, ..., vocabulary) and whole labels (n, ...), not {shapes}")
    if truth.size and truth.max() >= scores.shape[-1]:
        raise ValueError(f"a label is {truth.max()}, and the model's vocabulary ends at {scores.shape[-1] - 1}")
    lost, tokens = np.zeros(len(truth)), np.zeros(len(truth))
    for row, (each, wanted) in enumerate(zip(scores, truth, strict=True)):  # one at a time: a vocabulary is large
        kept = wanted.reshape(-1) >= 0
        chances = log_softmax(each.reshape(-1, each.shape[-1])[kept].astype(np.float64), axis=-1)
        lost[row] = -chances[np.arange(kept.sum()), wanted.reshape(-1)[kept]].sum()
        tokens[row] = kept.sum()
    return lambda rows: float(np.exp(lost[rows].sum() / tokens[rows].sum()))


def wer_of(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives the word error rate of some examples: wrong words by words of the labels, all together.

    The model answers texts, shape (n,); token numbers, shape (n, steps), negative ones padding; or scores of tokens,
    shape (n, steps, vocabulary), whose best path is read as CTC does: repeats are one, token 0 is the blank. Labels
    are texts or token numbers alike; a token number counts as a word. Raises ValueError for other shapes.
    """
    import jiwer

    said, meant = _texts(np.asarray(next(iter(outputs.values()))), "answers"), _texts(np.asarray(labels), "labels")
    if empty := sum(not each.strip() for each in meant):
        raise ValueError(f"{empty} of {len(meant)} labels hold no word")
    found = [jiwer.process_words(one, other) for one, other in zip(meant, said, strict=True)]
    wrong = np.array([each.substitutions + each.deletions + each.insertions for each in found], dtype=np.float64)
    words = np.array([each.substitutions + each.deletions + each.hits for each in found], dtype=np.float64)
    return lambda rows: float(wrong[rows].sum() / words[rows].sum())


def _texts(values: Array, what: str) -> list[str]:
    if values.dtype.kind == "U" and values.ndim == 1:
        return [str(each) for each in values]
    if values.dtype.kind == "f" and values.ndim == 3:
        return [_best_path(each) for each in values]
    if values.dtype.kind in "iu" and values.ndim == 2:
        return [" ".join(str(each) for each in row if each >= 0) for row in values]
    raise ValueError(f"the {what} are texts (n,) or token numbers (n, steps), not {values.dtype} {values.shape}")


def _best_path(scores: Array) -> str:
    """Return the tokens of one example, shape (steps, vocabulary), by greedy CTC decoding (Graves et al. 2006)."""
    best = scores.argmax(axis=-1)
    fresh = np.concatenate([[True], best[1:] != best[:-1]])
    return " ".join(str(each) for each in best[fresh & (best != BLANK)])
