"""A run's folder: run.json, journal/, records.jsonl, samples/. Running again into it resumes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.record import Record
from bench.store.files import read_json, write_json
from bench.store.journal import Journal
from bench.store.records import Say, append_record, read_records

SCHEMA = "bench.run/1"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def records_path(self) -> Path:
        """Where the records lie."""
        return self.path / "records.jsonl"

    @property
    def journal(self) -> Journal:
        """The launch journal."""
        return Journal(self.path / "journal")

    def records(self) -> list[Record]:
        """Return the records written so far."""
        return read_records(self.records_path) if self.records_path.exists() else []

    def append(self, record: Record) -> None:
        """Append a record."""
        append_record(self.records_path, record)

    def facts(self) -> dict[str, Any]:
        """Return run.json, empty when there is none. Raises BenchError when it is no longer what was written."""
        path = self.path / "run.json"
        facts = read_json(path)
        if isinstance(facts, dict):
            return facts
        if not path.exists():
            return {}
        raise BenchError(
            f"{path} is damaged: it holds no JSON object",
            cure="move it away and run again: records and launches stay and are used",
        )

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_json(self.path / "run.json", {"schema": SCHEMA, **facts})

    def write_outcomes(self, cell: str, outcomes: Any) -> None:
        """Keep a cell's per-example outcomes beside its samples."""
        import io

        import numpy as np

        from bench.store.files import write_atomically

        stream = io.BytesIO()
        np.savez_compressed(stream, outcomes=outcomes)
        write_atomically(self.path / "samples" / f"{cell}.npz", stream.getvalue())


@contextlib.contextmanager
def open_run(path: Path) -> Iterator[RunFolder]:
    """Open a run's folder for writing, one controller at a time; the lock goes with the process."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("a+")
    except OSError as error:
        raise BenchError(
            f"cannot write to {path}: {error.strerror}", cure="choose another folder with -o DIR"
        ) from error
    with lock:
        _take(lock, path)
        yield RunFolder(path)


def _take(lock: Any, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such lock on Windows: the lock file alone must do
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        raise BenchError(
            f"{path} is in use by another run (process {owner})", cure="wait for it, or use -o DIR"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def find_records(places: Iterable[Path], *, strict: bool = False, say: Say | None = None) -> list[Record]:
    """Read the records of run folders, records.jsonl files or folders of runs. Raises BenchError without any.

    `say` is told of bad lines that a later record replaced.
    """
    found: list[Record] = []
    for place in places:
        for path in _record_files(place):
            found += read_records(path, strict=strict, say=say)
    return found


def _record_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.exists():
        near = [each.name for each in place.parent.iterdir()] if place.parent.is_dir() else []
        raise BenchError(f"no results at {place}.{did_you_mean(place.name, near) if near else ''}")
    files = [place / "records.jsonl"] if (place / "records.jsonl").exists() else sorted(place.glob("*/records.jsonl"))
    if not files:
        raise BenchError(f"no records.jsonl in {place}", cure="give the folder of a run: results/<suite>-<stamp>")
    return files
