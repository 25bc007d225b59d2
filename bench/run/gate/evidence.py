"""Evidence that outlives a gate: the launches' numbers of two artifacts, so that a rerun cannot flip a coin again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence

from bench.gate.facts import CellFacts
from bench.store import Cache
from bench.store.cache import key_of
from bench.store.locks import Busy, held
from bench.suite.cell import Cell

VERSION = "bench.evidence/1"
CHANNELS = ("floor", "work", "memory")
MOST = 2000  # launches kept
PATIENCE_S = 60.0


def recall(cache: Cache, base: CellFacts, mine: CellFacts, cell: Cell) -> Mapping[str, Sequence[float]] | None:
    """Return what earlier gates saw of these two artifacts on these runtimes and this kind of machine."""
    known = _read(cache, _key(base, mine, cell))
    if not known:
        return None
    return {name: [value for gate in known.values() for value in gate[name]][:MOST] for name in CHANNELS}


def remember(
    cache: Cache, base: CellFacts, mine: CellFacts, cell: Cell, gate: str, seen: Mapping[str, Sequence[float]]
) -> None:
    """Keep what a gate has seen so far, beside what others did: two at once lose nothing of one another's."""
    key, pair = _key(base, mine, cell), {"baseline": base.artifact, "candidate": mine.artifact, "cell": str(cell)}
    with contextlib.suppress(Busy), held(cache.folder / "evidence.lock", patience_s=PATIENCE_S):
        own = {name: [float(value) for value in seen[name]][:MOST] for name in CHANNELS}
        gates = {**_read(cache, key), gate: own}
        cache.remember(key, {"schema": VERSION, **pair, "gates": gates})


def _read(cache: Cache, key: str) -> dict[str, dict[str, list[float]]]:
    """Return what is kept under a key, by gate; empty where there is nothing, or what there is is damaged."""
    known = cache.recall(key)
    if known is None or known.get("schema") != VERSION:
        return {}
    try:
        gates = known["gates"] if "gates" in known else {"": known["channels"]}  # once all gates were put in one list
        return {str(gate): {name: _finite(each[name]) for name in CHANNELS} for gate, each in gates.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _finite(values: Sequence[float]) -> list[float]:
    found = [float(value) for value in values]
    if not all(map(math.isfinite, found)):
        raise ValueError("evidence is finite")
    return found


def _key(base: CellFacts, mine: CellFacts, cell: Cell) -> str:
    place = [cell.backend_options, cell.device, cell.scenario_place, cell.batch, cell.threads]
    sides = [[each.artifact, each.runtime] for each in (base, mine)]
    return key_of([VERSION, sides, place, mine.task, mine.machine])
