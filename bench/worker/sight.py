"""What a step saw of the task's data: which split, how many examples, their digest, and how many are held out.

It goes into the lineage, so that a checker can tell that nothing was calibrated on what quality is graded on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from bench.protocols import Arrays

TRAIN, EXAMPLE = "train", "example"


class Sight:
    """Collects what a step asks for; nothing is digested before the step is over, which is timed."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, Arrays]] = []
        self._trained: list[int | None] = []

    def saw(self, split: str, inputs: Arrays) -> Arrays:
        """Note inputs that are handed to the step, and return them."""
        self._seen.append((split, inputs))
        return inputs

    def trained(self, samples: int | None) -> None:
        """Note a training by the task itself on its train split."""
        self._trained.append(samples)

    def report(self, held_out: Callable[[], Arrays] | None) -> list[dict[str, Any]]:
        """Return an entry for each thing seen, once; `held_out` gives the inputs that quality is graded on."""
        graded = None if held_out is None or not self._seen else frozenset(_rows(held_out()))
        entries = [_entry(split, list(_rows(inputs)), graded) for split, inputs in self._seen]
        entries += [{"split": TRAIN, "examples": each} for each in self._trained]
        return [each for index, each in enumerate(entries) if each not in entries[:index]]


class WatchedTask:
    """A task whose inputs are noted when a step asks for them; all else is the task's own."""

    def __init__(self, task: Any, sight: Sight) -> None:
        self._task, self._sight = task, sight

    def inputs(self, split: str, n: int | None = None) -> Arrays:
        """Return inputs of a split, as the task does."""
        return self._sight.saw(split, self._task.inputs(split, n))

    def labelled(self, n: int) -> tuple[Arrays, Any]:
        """Return labelled examples of the train split, as the task does."""
        inputs, targets = self._task.labelled(n)
        return self._sight.saw(TRAIN, inputs), targets

    def example(self, batch: int, seed: int) -> Arrays:
        """Return the inputs that latency is measured on, as the task does."""
        return self._sight.saw(EXAMPLE, self._task.example(batch, seed))

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the task has."""
        return getattr(self._task, name)


def _entry(split: str, rows: list[bytes], graded: frozenset[bytes] | None) -> dict[str, Any]:
    digest = hashlib.sha256(b"".join(rows)).hexdigest()
    known = {} if graded is None else {"held_out": sum(each in graded for each in rows)}
    return {"split": split, "examples": len(rows), "digest": f"sha256:{digest}", **known}


def _rows(inputs: Arrays) -> Iterator[bytes]:
    """Yield a digest of every example, over all inputs by name."""
    import numpy as np

    arrays = {name: np.asarray(inputs[name]) for name in sorted(inputs)}
    for index in range(min((len(each) for each in arrays.values()), default=0)):
        state = hashlib.sha256()
        for name, each in arrays.items():
            row = each[index : index + 1]
            said = repr(row.tolist()).encode() if each.dtype.hasobject else np.ascontiguousarray(row).tobytes()
            state.update(f"{name} {row.shape} {row.dtype}\n".encode() + said)
        yield state.digest()
