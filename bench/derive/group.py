"""What may be ranked together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.cards import card_of
from bench.machine import fingerprint
from bench.suite.cell import Cell


def group_id(cell: Cell, data: Sequence[str], machine: Mapping[str, Any], *, in_process: bool = False) -> str:
    """Return what may be ranked together; backends share it, since they serve one model on one device.

    `data` are the digests of the task's data and of its reference model. What was measured without processes of its
    own is in a group of its own.
    """
    place = [cell.device, cell.scenario_place, cell.batch, cell.threads]
    parts = [cell.task, *data, fingerprint(dict(machine)), *place, *(["in one process"] if in_process else [])]
    if card := card_of(machine, cell.device):
        parts.append(card)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
