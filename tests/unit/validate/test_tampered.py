"""Every way to tamper is rejected for a reason of its own, and what nobody touched is accepted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import validate_command
from bench.store import Cache
from bench.validate import check

from .conftest import load

TAMPERS = load("tampering").TAMPERS


def test_what_nobody_touched_is_accepted(honest: Path) -> None:
    report = check(honest)
    assert [str(each) for each in report.findings] == []
    assert report.records == 4
    assert report.division == "open"


def test_there_are_thirty_ways(honest: Path) -> None:
    assert len(TAMPERS) >= 30


@pytest.mark.parametrize("way", TAMPERS)
def test_a_tampered_submission_is_rejected_with_its_reason(way: str, copied: Callable[[], Any]) -> None:
    folder = copied()
    TAMPERS[way].change(folder)
    folder.save()
    report = check(folder.path, cache=Cache(folder.path.parent / "none"))
    assert not report.accepted
    said = {each.about for each in report.findings}
    assert said & set(TAMPERS[way].about), "\n".join(map(str, report.findings))
    assert all("expected" in str(each) and "found" in str(each) for each in report.findings)


ODD: tuple[Any, ...] = (None, -1, [1], {"a": []})


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_strangers_write_is_rejected_and_never_a_traceback(odd: Any, copied: Callable[[], Any]) -> None:
    folder = copied()
    for key in folder.victim["evidence"]:
        kept, folder.victim["evidence"][key] = folder.victim["evidence"][key], odd
        folder.save()
        assert not check(folder.path).accepted, key
        folder.victim["evidence"][key] = kept
    folder.victim["lineage"][-1]["data"] = [{"split": odd, "examples": odd, "held_out": odd}]
    folder.save()
    assert not check(folder.path).accepted
    facts = folder.facts()
    for key in ("machine", "suite", "id"):
        folder.write_facts({**facts, key: odd})
        assert not check(folder.path).accepted, key
    (folder.path / "run.json").write_text("[]")
    assert not check(folder.path).accepted


def test_the_command_exits_with_one_and_says_why(honest: Path, copied: Callable[[], Any]) -> None:
    folder = copied()
    TAMPERS["quality edited"].change(folder)
    folder.save()
    fine = CliRunner().invoke(validate_command.command, [str(honest)])
    assert (fine.exit_code, "accepted" in fine.output) == (0, True)
    told = CliRunner().invoke(validate_command.command, [str(folder.path), str(honest), "--json"])
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert [each["accepted"] for each in document["submissions"]] == [False, True]
    (finding,) = document["submissions"][0]["findings"]
    assert (finding["about"], finding["record"]) == ("quality", folder.victim["id"])


def test_the_closed_division_takes_no_plugin_and_no_suite_of_ones_own(honest: Path) -> None:
    report = check(honest, wanted="closed")
    assert [each.about for each in report.findings] == ["division", "division"]
