"""`bench env` as people meet it: build, list, export, adopt, remove, with a one-file plugin that needs a package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.doctor import examine_environments
from bench.errors import BenchError
from bench.offer import Offer

Bench = Callable[..., str]


@pytest.fixture
def bench(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("BENCH_PLUGINS", "")

    def call(*words: str) -> str:
        more = [] if words[0] == "remove" else ["-p", str(plugin)]
        return CliRunner().invoke(cli, ["env", *words, *more], catch_exceptions=False, standalone_mode=False).output

    return call


def listed(bench: Bench) -> dict[str, Any]:
    (row,) = json.loads(bench("list", "--json"))["environments"]
    return dict(row)


def test_from_missing_to_built_to_gone(bench: Bench, offer: Offer, tmp_path: Path) -> None:
    row = listed(bench)
    assert (row["state"], row["why"], row["command"]) == (
        "missing",
        "bench_tiny is not installed",
        "bench env build tiny",
    )
    with pytest.raises(BenchError, match=r"(?s)'tiny' has no environment here.*bench env build tiny"):
        bench("export", "tiny")
    assert "building tiny: " in bench("build", "--all", "--installer", "pip")
    assert bench("build", "--all") == ""
    row = listed(bench)
    assert (row["state"], row["command"]) == ("built", None)
    bench("export", "tiny", "-o", str(tmp_path / "pins.txt"))
    assert (tmp_path / "pins.txt").read_text().splitlines()[1:] == list(offer.environment)
    assert bench("remove", "tiny").startswith("freed ")
    assert listed(bench)["state"] == "missing"


def test_all_skips_what_is_adopted(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bench_tiny.py").write_text("ANSWER = 43\n")
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    assert "note: bench-tiny is not installed" in bench("adopt", "tiny", str(wrapper))
    assert bench("build", "--all") == ""
    assert listed(bench)["state"] == "adopted"
    bench("remove", "--all")
    assert listed(bench)["state"] == "missing"


def test_mistakes_are_named(bench: Bench) -> None:
    with pytest.raises(BenchError, match=r"no offer called 'tinny' declares an environment\. Did you mean 'tiny'"):
        bench("build", "tinny")
    with pytest.raises(BenchError, match="lacks bench_tiny"):
        bench("adopt", "tiny", sys.executable)
    with pytest.raises(BenchError, match="no environment called 'tiny'; there are: none"):
        bench("remove", "tiny")
    for words in (["build"], ["build", "tiny", "--all"], ["remove"]):
        with pytest.raises(click.UsageError, match="give names, or --all"):
            bench(*words)


def test_the_doctor_says_what_is_missing_the_command_and_the_disk() -> None:
    missing = {
        "name": "x",
        "state": "missing",
        "why": "x is not installed",
        "size_bytes": 3e8,
        "command": "bench env build x",
    }
    there = {"name": "y", "state": "built", "python": "3.11.7", "size_bytes": 2e6, "interpreter": "/y", "notes": []}
    here = {"name": "z", "state": "here", "size_bytes": None}
    first, second, third = examine_environments([missing, there, here], 1e10)
    assert (first.state, first.cure) == ("note", "bench env build x")
    assert first.seen == "missing: x is not installed; takes about 300 MB of 10.0 GB free"
    assert second.seen == "built, Python 3.11.7, 2.00 MB: /y"
    assert third.state == "ok"
