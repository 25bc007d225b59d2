"""A folder that can be put on any static host: the page, and the raw records beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bench.publish.embed import dumps
from bench.publish.page import render
from bench.publish.view import Extra
from bench.record import Record

RECORDS = "records.jsonl"


def write_site(
    records: Sequence[Record],
    folder: Path,
    *,
    title: str = "Leaderboard",
    generated: datetime | str,
    extra_columns: Extra | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write `index.html` and `records.jsonl` into a folder, made when missing; return the path of the page.

    Each file is replaced in one step: a reader sees the old page or the new one, never half of one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(dumps(each.to_json()) + "\n" for each in records)
    page = render(
        records,
        title=title,
        generated=generated,
        extra_columns=extra_columns,
        notes=notes,
        records_link=RECORDS if records else "",
    )
    _replace(folder / RECORDS, lines)
    return _replace(folder / "index.html", page)


def _replace(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
