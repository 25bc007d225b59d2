"""A submission: the folder of a run, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.record import Record
from bench.store import Launch, RunFolder, find_records
from bench.suite.cell import Cell


@dataclass(frozen=True)
class Submission:
    """What a run's folder holds: run.json, records by cell id, launches by comparison, and what could not be read."""

    folder: RunFolder
    facts: Mapping[str, Any]
    records: Mapping[str, Record]
    launches: Mapping[str, Mapping[str, Launch]]
    damaged: tuple[str, ...]

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.facts.get("id", ""))

    def base_of(self, record: Record) -> Record | None:
        """Return the record of a record's baseline."""
        return self.records.get(record.cell.comparison)

    def journal_of(self, cell: Cell) -> Mapping[str, Launch]:
        """Return the launches of a cell's comparison by name."""
        return self.launches.get(cell.comparison, {})

    def outcomes(self, cell: Cell) -> Any:
        """Return a cell's outcomes, example by example; None where they are not there or cannot be read."""
        import numpy as np

        try:
            with np.load(self.folder.path / "samples" / f"{cell.id}.npz", allow_pickle=False) as archive:
                return np.asarray(archive["outcomes"], dtype=np.float64)
        except Exception:  # noqa: BLE001 - damaged bytes make numpy, zipfile and zlib raise a dozen kinds
            return None


def read(path: Path) -> Submission:
    """Read the folder of a run. Raises BenchError where there is none, BadRecord for a record that is damaged."""
    folder = RunFolder(path)
    records = {each.cell.id: each for each in find_records([path], strict=True)}
    damaged: list[str] = []
    launches: dict[str, dict[str, Launch]] = {}
    for comparison in sorted({each.cell.comparison for each in records.values()} | _journaled(folder)):
        found = folder.journal.read(comparison, lambda text, at=comparison: damaged.append(f"{at}: {text}"))  # type: ignore[misc]
        launches[comparison] = {each.name: each for each in found}
    return Submission(folder, folder.facts(), records, launches, tuple(damaged))


def _journaled(folder: RunFolder) -> set[str]:
    place = folder.journal.folder
    return {each.name for each in place.iterdir() if each.is_dir()} if place.is_dir() else set()
