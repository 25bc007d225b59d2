"""Which versions a checkout asks for, whatever its lock file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.run.gate import environment
from bench.run.gate.pins import normal, pins_of

UV = '[[package]]\nname = "torch"\nversion = "2.13.0"\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "# pins\ntorch==2.13.0 ; python_version > '3'\n-r other.txt\n"),
        ("requirements-dev.txt", "Torch[extra] == 2.13.0 --hash=sha256:aa \\\n"),
        ("constraints.txt", "torch==2.13.0\n"),
        ("uv.lock", UV),
        ("poetry.lock", UV),
        ("pdm.lock", UV),
        ("pylock.toml", UV.replace("package", "packages")),
        ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['torch==2.13.0', 'numpy>=2']\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n[project.optional-dependencies]\nml = ['torch ==2.13.0']\n"),
    ],
)
def test_every_kind_of_lock_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert pins_of(tmp_path) == {"torch": "2.13.0"}


def test_a_lock_wins_over_a_constraint_and_the_first_pin_of_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("torch==2.12.0\ntorch==2.11.0\nnumpy==2.4.0\n")
    assert pins_of(tmp_path)["torch"] == "2.12.0"
    (tmp_path / "uv.lock").write_text(UV)
    assert pins_of(tmp_path) == {"torch": "2.13.0", "numpy": "2.4.0"}


@given(st.text(max_size=200))
def test_what_cannot_be_read_is_passed_over(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for file in ("requirements.txt", "uv.lock", "pyproject.toml"):
            (Path(name) / file).write_text(text, encoding="utf-8", errors="replace")
        assert isinstance(pins_of(Path(name)), dict)


def test_names_compare_as_pep_503_says() -> None:
    assert normal("Typing_Extensions.X") == "typing-extensions-x"


def test_only_what_differs_from_what_runs_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"same": "1", "moved": "2", "unlocked": "2"}
    monkeypatch.setattr(environment, "_installed", installed.get)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder, text in (
        (theirs, "same==1\nmoved==1\nelsewhere==1\ngone==1\n"),
        (ours, "same==1\nmoved==2\nelsewhere==2\n"),
    ):
        folder.mkdir()
        (folder / "requirements.txt").write_text(text)
    assert environment.differing(theirs, ours) == {"gone": "1", "moved": "1"}
    assert environment.differing(ours, ours) == {}
