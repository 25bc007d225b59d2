"""Whatever way an honest run came to its end, it is accepted."""

from pathlib import Path

import pytest

from bench.store import RunFolder
from bench.validate import check

from .conftest import in_process, run_house


@pytest.fixture
def place(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run into; artifacts come from the cache of the honest run."""
    in_process(monkeypatch, honest.parent)
    return tmp_path


def said(folder: Path) -> list[str]:
    return [str(each) for each in check(folder).findings]


def test_cell_by_cell_and_measured_again(place: Path) -> None:
    """A run that began with one cell lacks the others; resumed it is whole, and stays so when a cell is fresh."""
    run_house(place, place / "out", "--only", "recipe=cut")
    assert {each.split(":")[0] for each in said(place / "out")} == {"completeness"}
    run_house(place, place / "out")
    assert said(place / "out") == []
    run_house(place, place / "out", "--only", "recipe=cut", "--fresh")
    journal = RunFolder(place / "out").journal.folder
    assert list(journal.rglob("*.old"))
    assert said(place / "out") == []


def test_in_process_is_no_submission(place: Path) -> None:
    run_house(place, place / "out", "--in-process")
    findings = said(place / "out")
    assert findings
    assert all(each.startswith("validity") and "--in-process" in each for each in findings)


def test_a_failed_cell_is_accepted_with_a_note(honest: Path) -> None:
    assert any("1 cells have no numbers" in each for each in check(honest).notes)
