"""Finding one record by its id or its unique beginning."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.record import Record
from bench.store import find_records

SHORTEST = 4


def find_record(name: str, results: Path) -> tuple[Record, Path]:
    """Return the record whose id (or whose cell's id) begins with `name`, and the folder of its run.

    Raises BadRecord, with file and line, when it stands beside a damaged record or none can be found but damaged ones.
    """
    if not results.exists():
        raise BenchError(
            f"no results folder at {results}", cure="run a suite first, or name the folder with --results DIR"
        )
    found = [(each, path) for path in _paths(results) for each in find_records([path])]
    hits = [pair for pair in found if _begins(pair[0].id, name)] or [p for p in found if _begins(p[0].cell.id, name)]
    if not hits:
        find_records(_paths(results), strict=True)
        raise BenchError(
            f"no record begins with '{name}' under {results}.{did_you_mean(name, [r.id for r, _ in found])}"
        )
    if len({record.id for record, _ in hits}) > 1:
        listed = "\n".join(f"  {record.id}  {record.cell}  ({path.parent.name})" for record, path in hits[:10])
        raise BenchError(f"'{name}' fits {len(hits)} records:\n{listed}", cure="give more of the id")
    record, path = hits[-1]
    find_records([path], strict=True)  # a damaged record may be the newer one of this cell
    return record, path.parent


def _begins(whole: str, name: str) -> bool:
    """Whether an id is meant: a word of a letter or two that happens to begin one is none."""
    return whole == name or (len(name) >= SHORTEST and whole.startswith(name))


def _paths(results: Path) -> list[Path]:
    if results.is_file():
        return [results]
    own = results / "records.jsonl"
    return [own] if own.exists() else sorted(results.glob("*/records.jsonl"))
