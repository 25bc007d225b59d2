"""A comparison measured again: where it is predicted, what the command says, and when nothing can be said."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import reproduce_command
from bench.record import Record
from bench.store import Launch, RunFolder
from bench.validate.reproduced import behind_record, not_comparable, reproduced, why_not

from .conftest import ROOT, in_process, load


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch, honest: Path) -> Any:
    """Run the command in this process."""
    in_process(monkeypatch, honest.parent)
    plugin = str(ROOT / "tests" / "one_file" / "house.py")

    def run(record: str, results: Path, *words: str, plugins: bool = True) -> Any:
        given = ["-p", plugin] if plugins else []
        return CliRunner().invoke(
            reproduce_command.command, [record, "--results", str(results), *given, "--json", *words]
        )

    return run


def records(place: Path) -> dict[str, Record]:
    return {"+".join(step.name for step in each.cell.recipe): each for each in RunFolder(place).records()}


def test_two_launches_are_measured_again_and_judged(again: Any, honest: Path, tmp_path: Path) -> None:
    slower = records(honest)["slower"]
    done = again(slower.id, honest, "-o", str(tmp_path / "again"))
    document = json.loads(done.stdout)
    assert (done.exit_code == 0) == document["inside"], done.output
    assert document["record"] == slower.id
    assert document["again"]["ratio"] > 1
    assert document["predicted"]["low"] <= document["ratio"] <= document["predicted"]["high"]
    assert {each.cell.id for each in RunFolder(tmp_path / "again").records()} == {
        slower.cell.id,
        slower.cell.comparison,
    }


def test_a_ratio_that_no_rerun_gives_is_outside(again: Any, honest: Path, tmp_path: Path) -> None:
    """The record's launches are gone, so that its own narrow interval is what is left: twice as fast it was not."""
    shutil.copytree(honest, tmp_path / "told", ignore=shutil.ignore_patterns("journal"))
    folder = load("tampering").Folder(tmp_path / "told")
    victim = next(each for each in folder.records if each["id"] == records(honest)["slower"].id)
    ratio = victim["ratios"]["latency"]
    ratio.update(value=0.01, low=0.0099, high=0.0101, work=0.01, work_low=0.0099, work_high=0.0101)
    folder.save()
    done = again(victim["id"], folder.path, "-o", str(tmp_path / "again"))
    assert done.exit_code == reproduce_command.OUTSIDE, done.output
    assert any("are not here" in each for each in json.loads(done.stdout)["notes"])


def test_a_record_of_another_machine_is_not_comparable(again: Any, honest: Path, tmp_path: Path) -> None:
    shutil.copytree(honest, tmp_path / "told")
    folder = load("tampering").Folder(tmp_path / "told")
    folder.victim["group"] = "0123456789ab"
    folder.save()
    done = again(folder.victim["id"], folder.path, "-o", str(tmp_path / "again"))
    assert done.exit_code == reproduce_command.NOT_COMPARABLE
    assert "another machine" in json.loads(done.stdout)["reason"]


def test_plugins_of_a_record_are_never_loaded_by_themselves(again: Any, honest: Path) -> None:
    done = again(records(honest)["cut"].id, honest, plugins=False)
    assert "house.py" in str(done.exception)
    assert "give them again" in str(done.exception)


def test_a_suite_without_the_cell_is_refused(again: Any, honest: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("bench: 1\nname: other\nmatrix: {task: house, backend: numpy}\n")
    done = again(records(honest)["cut"].id, honest, "--suite", str(other))
    assert "has no cell" in str(done.exception)


@pytest.mark.parametrize(("logs", "says_little"), [((0.0, 1.0), True), ((0.5, 0.5), False)])
def test_a_prediction_that_holds_nearly_anything_says_so(
    honest: Path, logs: tuple[float, ...], says_little: bool
) -> None:
    """Two launches whose ratios are e apart predict next to nothing; two that are alike a lot."""
    cut = records(honest)["cut"]
    ratio = replace(cut.ratios["latency"], facts={})
    cut = replace(cut, ratios={"latency": ratio})
    first, second = behind_record(cut, RunFolder(honest).journal.read(cut.cell.comparison))[:2]
    launches = [_scaled(each, cut, log) for each, log in zip((first, second), logs, strict=True)]
    notes = reproduced(cut, launches, cut, launches).notes
    assert any("so wide" in each for each in notes) == says_little


def _scaled(launch: Launch, record: Record, log: float) -> Launch:
    """Make the calls of a record e^log times as long as its baseline's."""
    base = launch.samples[record.cell.comparison]
    blocks = base.copy()
    blocks[:, : launch.meta["n"]] = (blocks[:, : launch.meta["n"]] * math.exp(log)).astype(int)
    return replace(launch, samples={**launch.samples, record.cell.id: blocks})


def test_what_has_no_ratio_predicts_nothing(honest: Path) -> None:
    known = records(honest)
    assert "baseline" in str(why_not(known[""]))
    assert "failed" in str(why_not(known["raises"]))
    cut = known["cut"]
    once = replace(cut, ratios={"latency": replace(cut.ratios["latency"], n=1)})
    assert "one launch" in str(why_not(once))
    assert why_not(cut) is None
    invalid = replace(cut, validity={"verdict": "invalid", "reasons": []})
    assert "invalid" in str(not_comparable(cut, invalid))


def test_what_differs_is_said(honest: Path) -> None:
    cut = records(honest)["cut"]
    launches = behind_record(cut, RunFolder(honest).journal.read(cut.cell.comparison))
    assert len(launches) == cut.launches
    other = replace(cut, artifact="sha256:1", versions={**cut.versions, "python": "9.9"})
    notes = " ".join(reproduced(cut, launches, other, launches).notes)
    assert "another artifact" in notes
    assert "another python" in notes
    same = reproduced(cut, launches, cut, launches)
    assert same.inside
    assert same.found == same.said
