"""records.jsonl: one record a line, appended and flushed; a torn last line never stops a reader."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.record import BadRecord, Record

NEWLINE = b"\n"


Say = Callable[[str], None]


@dataclass(frozen=True)
class Bad:
    """A line that is no record: its number, what is wrong, and the id it claims, where it has one."""

    number: int
    error: Exception
    id: str | None


def append_record(path: Path, record: Record) -> None:
    """Append one record as one write, flushed to disk; a torn line left by a crash is cut off first.

    Raises BadRecord, and writes nothing, for a record that its own reader would refuse.
    """
    document = document_of(record)
    Record.from_json(document)
    line = json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + NEWLINE
    path.parent.mkdir(parents=True, exist_ok=True)
    _end_last_line(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def document_of(record: Record) -> Any:
    """Return the JSON that is written of a record."""
    return _finite(record.to_json())


def read_records(path: Path, *, strict: bool = False, say: Say | None = None) -> list[Record]:
    """Read every record, the last one of a cell winning.

    A torn last line is passed over; a whole one that only lacks its line break is read. With `strict` any other bad
    line raises BadRecord with file and line, unless a later record of the same id stands in its place, which `say` is
    told; otherwise bad lines are passed over too.
    """
    try:
        lines = path.read_bytes().split(NEWLINE)
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from error
    if not _whole(lines[-1]):
        lines.pop()
    latest: dict[str, Record] = {}
    bad: list[Bad] = []
    for number, line in enumerate(lines, start=1):
        found = _read(line, number)
        if isinstance(found, Bad):
            bad.append(found)
            continue
        replaced, bad = [each for each in bad if each.id == found.id], [each for each in bad if each.id != found.id]
        for each in replaced if say else ():
            say(f"{path}:{each.number}: passed over, a later record stands in its place: {each.error}")  # type: ignore[misc]
        latest.pop(found.cell.id, None)
        latest[found.cell.id] = found
    if strict and bad:
        raise BadRecord(f"{path}:{bad[0].number}: {bad[0].error}") from bad[0].error
    return list(latest.values())


def _read(line: bytes, number: int) -> Record | Bad:
    document: Any = None
    try:
        document = json.loads(line)
        return Record.from_json(document)
    except (BadRecord, ValueError, RecursionError) as error:
        claimed = document.get("id") if isinstance(document, dict) else None
        return Bad(number, error, claimed if isinstance(claimed, str) else None)


def _whole(line: bytes) -> bool:
    """Whether a line is a whole JSON object, which a torn one never is."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _end_last_line(path: Path) -> None:
    """Cut a torn last line off; end one that is whole but for its line break."""
    try:
        with path.open("r+b") as stream:
            data = stream.read()
            if not data or data.endswith(NEWLINE):
                return
            begin = data.rfind(NEWLINE) + 1
            if _whole(data[begin:]):
                stream.write(NEWLINE)
            else:
                stream.truncate(begin)
    except FileNotFoundError:
        return


def _finite(value: Any) -> Any:
    """Turn what JSON cannot say (NaN, infinity) into null: an unbounded end of an interval is no number."""
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
