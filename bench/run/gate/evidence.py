"""Evidence that outlives a gate: the launches' numbers of two artifacts, so that a rerun cannot flip a coin again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.gate.facts import CellFacts
from bench.store import Cache
from bench.store.cache import key_of
from bench.suite.cell import Cell

VERSION = "bench.evidence/1"
CHANNELS = ("floor", "work", "memory")
MOST = 2000  # launches kept


def recall(cache: Cache, base: CellFacts, mine: CellFacts, cell: Cell) -> Mapping[str, Sequence[float]] | None:
    """Return what earlier gates saw of these two artifacts on these runtimes and this kind of machine."""
    known = cache.recall(_key(base, mine, cell))
    if known is None or known.get("schema") != VERSION:
        return None
    try:
        return {name: [float(value) for value in known["channels"][name]] for name in CHANNELS}
    except (KeyError, TypeError, ValueError):
        return None


def remember(cache: Cache, base: CellFacts, mine: CellFacts, cell: Cell, seen: Mapping[str, Sequence[float]]) -> None:
    """Keep what has been seen, earlier gates included; written after every gate, whatever it decided."""
    channels = {name: [float(value) for value in seen[name]][:MOST] for name in CHANNELS}
    pair = {"baseline": base.artifact, "candidate": mine.artifact, "cell": str(cell)}
    cache.remember(_key(base, mine, cell), {"schema": VERSION, **pair, "channels": channels})


def _key(base: CellFacts, mine: CellFacts, cell: Cell) -> str:
    place = [cell.backend_options, cell.device, cell.scenario, cell.batch, cell.threads]
    sides = [[each.artifact, each.runtime] for each in (base, mine)]
    return key_of([VERSION, sides, place, mine.task, mine.machine])
