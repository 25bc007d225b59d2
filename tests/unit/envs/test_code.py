"""The code that goes into an environment: copies of what runs, named by content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.envs import code_paths, core_digest
from bench.envs.core import code_digest
from bench.errors import BenchError
from bench.offer import Offer


def test_the_core_and_the_plugin_are_copied_once(tmp_path: Path) -> None:
    offer = Offer("backend", "x", "json.decoder:JSONDecoder")  # a package of the standard library stands for a plugin's
    first = code_paths(offer, tmp_path)
    assert [sorted(each.name for each in path.iterdir()) for path in first] == [["bench"], ["json"]]
    made = first[0].stat().st_ino
    assert code_paths(offer, tmp_path) == first
    assert first[0].stat().st_ino == made
    assert code_digest(first[0] / "bench") == core_digest()
    assert not list(tmp_path.glob("code/.new-*"))
    assert not list(tmp_path.rglob("__pycache__"))


def test_copies_that_nothing_used_for_a_month_go_when_a_new_one_comes(tmp_path: Path) -> None:
    offer = Offer("backend", "x", "json.decoder:JSONDecoder")
    core, _ = code_paths(offer, tmp_path)
    old, recent, half = (tmp_path / "code" / name for name in ("bench-old", "bench-recent", ".new-half"))
    for each in (old, recent, half):
        each.mkdir()
    for each in (old, half, core):
        os.utime(each, (0, 0))
    code_paths(offer, tmp_path)  # nothing new: only says that these two are used
    assert old.is_dir()
    code_paths(Offer("backend", "y", "email.parser:Parser"), tmp_path)
    left = {each.name for each in (tmp_path / "code").iterdir()}
    assert {core.name, "bench-recent"} <= left
    assert not {"bench-old", ".new-half"} & left


def test_a_one_file_plugin_is_loaded_from_where_it_lies(tmp_path: Path) -> None:
    assert len(code_paths(Offer("backend", "x", "/somewhere/plugin.py:X"), tmp_path)) == 1


def test_a_plugin_whose_package_is_gone(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="'no_such_plugin' of a plugin is not found"):
        code_paths(Offer("backend", "x", "no_such_plugin:X"), tmp_path)


def test_the_digest_is_of_names_and_content(tmp_path: Path) -> None:
    made = {}
    for number, (name, text) in enumerate([("a.py", "1"), ("a.py", "2"), ("b.py", "1")]):
        package = tmp_path / str(number) / "package"
        package.mkdir(parents=True)
        (package / name).write_text(text)
        made[name, text] = code_digest(package)
    assert len(set(made.values())) == 3
