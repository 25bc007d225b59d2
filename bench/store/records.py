"""records.jsonl: one record a line, appended and flushed; a torn last line never stops a reader."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.record import BadRecord, Record

NEWLINE = b"\n"


def append_record(path: Path, record: Record) -> None:
    """Append one record as one write, flushed to disk; a torn line left by a crash is cut off first."""
    line = json.dumps(_finite(record.to_json()), separators=(",", ":"), allow_nan=False).encode() + NEWLINE
    path.parent.mkdir(parents=True, exist_ok=True)
    _cut_torn_line(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_records(path: Path, *, strict: bool = False) -> list[Record]:
    """Read every record, the last one of a cell winning.

    A torn last line is passed over; with `strict` any other bad line raises BadRecord with file and line, otherwise bad
    lines are passed over too.
    """
    try:
        lines = path.read_bytes().split(NEWLINE)
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from error
    latest: dict[str, Record] = {}
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = Record.from_json(json.loads(line))
        except (BadRecord, ValueError, RecursionError) as error:
            if strict:
                raise BadRecord(f"{path}:{number}: {error}") from error
            continue
        cell = record.cell.id
        latest.pop(cell, None)
        latest[cell] = record
    return list(latest.values())


def _cut_torn_line(path: Path) -> None:
    try:
        with path.open("r+b") as stream:
            data = stream.read()
            if data and not data.endswith(NEWLINE):
                stream.truncate(data.rfind(NEWLINE) + 1)
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
