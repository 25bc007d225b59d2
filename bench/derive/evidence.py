"""What a record keeps of where its numbers come from, so that they can be derived again from the run's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bench.derive.rules import Rules
from bench.store import Launch

GROUPED = ("data", "reference", "metric")  # of the task


def evidence_of(
    launches: Sequence[Launch],
    idle: Sequence[Launch],
    cell: str,
    base: str,
    outcomes: Any,
    task: Mapping[str, Any],
    rules: Rules,
) -> dict[str, Any]:
    """Return a record's `evidence`: the launches it was derived from, each with its seal, and all else that counts.

    `task` holds the digest of its data, that of its reference model, and its metric. A candidate names the launches
    that its baseline's numbers of the time came from: those may be more now.
    """
    mine = {each.name: each.seal(cell, base) for each in launches if cell in each.samples}
    return {
        **{name: task[name] for name in GROUPED},
        "launches": mine,
        **({"idle": {each.name: each.seal() for each in idle}} if idle else {}),
        **({} if cell == base else {"baseline": [each.name for each in launches]}),
        "outcomes": outcomes_digest(outcomes),
        "settings": rules.to_json(),
    }


def outcomes_digest(outcomes: Any) -> str:
    """Return the sha256 of outcomes, example by example."""
    import numpy as np

    array = np.ascontiguousarray(outcomes, dtype="<f8")
    return hashlib.sha256(f"{array.shape}\n".encode() + array.tobytes()).hexdigest()
