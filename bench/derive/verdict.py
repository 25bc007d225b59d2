"""The validity verdict of a cell: what the sentinels saw, each reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.derive.launches import calls, cpu_per_call, floors
from bench.store import Launch

DESCHEDULED = 1.2
FEW_LAUNCHES = 3
DRIFT = 0.10
SPREAD = 3.0


def verdict(launches: Sequence[Launch], cell: str, threads: int) -> tuple[dict[str, Any], bool]:
    """Return {"verdict", "reasons"} and whether the floor channel was descheduled."""
    invalid, suspect = [], []
    outputs = {digest for each in launches for digest in each.meta["outputs"].get(cell, [])}
    if len(outputs) > 1:
        invalid.append(f"the same inputs gave {len(outputs)} different outputs")
    if len(launches) < FEW_LAUNCHES:
        suspect.append(f"only {len(launches)} launches: an interval needs at least {FEW_LAUNCHES}")
    descheduled = threads == 1 and _wall_over_cpu(launches, cell) > DESCHEDULED
    if descheduled:
        share = _wall_over_cpu(launches, cell)
        suspect.append(f"descheduled: wall time is {share:.2f}x processor time; the machine is busy with other work")
    if (drift := _drift(launches, cell)) > DRIFT:
        suspect.append(f"latency drifted by {drift:.0%} from the first launches to the last")
    if (spread := _spread(launches, cell)) > SPREAD:
        suspect.append(f"the mean is {spread:.1f}x the floor: something interrupts the calls")
    name = "invalid" if invalid else "suspect" if suspect else "valid"
    return {"verdict": name, "reasons": invalid + suspect}, descheduled


def _wall_over_cpu(launches: Sequence[Launch], cell: str) -> float:
    shares = []
    for each in launches:
        n = int(each.meta["n"])
        wall = each.samples[cell][:, :n].sum(axis=1) / 1e9 / n
        cpu = cpu_per_call(each, cell)
        shares += list(wall[cpu > 0] / cpu[cpu > 0])
    return float(np.median(shares)) if shares else 1.0


def _drift(launches: Sequence[Launch], cell: str) -> float:
    """Relative change of the launch floors between the first and the last third."""
    values = [float(np.median(floors(each, cell))) for each in launches]
    third = len(values) // 3
    if third == 0:
        return 0.0
    early, late = np.median(values[:third]), np.median(values[-third:])
    return float(abs(late - early) / early)


def _spread(launches: Sequence[Launch], cell: str) -> float:
    every = np.concatenate([calls(each, cell).ravel() for each in launches])
    return float(every.mean() / np.median([floors(each, cell).min() for each in launches]))
