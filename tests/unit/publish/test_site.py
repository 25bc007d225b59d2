from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.publish import render, site, write_site
from bench.record import Record

Make = Callable[..., Record]


def test_the_site_is_a_page_and_the_raw_records(make: Make, tmp_path: Path) -> None:
    page = write_site([make("base"), make("a", "prune")], tmp_path / "new" / "site", generated="now")
    assert page == tmp_path / "new" / "site" / "index.html"
    assert 'href="records.jsonl"' in page.read_text(encoding="utf-8")
    lines = (page.parent / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert [Record.from_json(json.loads(each)).id for each in lines] == ["base", "a"]


def test_writing_again_replaces_and_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    write_site([make("base")], tmp_path, title="Old", generated="then")
    write_site([make("base")], tmp_path, title="New", generated="now")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["index.html", "records.jsonl"]
    assert "<title>New</title>" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_write_that_fails_leaves_the_old_page(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_site([make("base")], tmp_path, title="Old", generated="then")

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(site.Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_site([make("base")], tmp_path, title="New", generated="now")
    assert "<title>Old</title>" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_records_give_the_same_bytes(make: Make) -> None:
    records = [make("base"), make("a", "prune")]
    assert render(records, generated="now") == render(records, generated="now")
