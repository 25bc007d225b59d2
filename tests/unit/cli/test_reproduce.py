"""The command that a record names can be given to a shell, whatever its files are called."""

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import run_command, try_command

HOUSE = Path(__file__).parents[2] / "one_file" / "house.py"
SUITE = "bench: 1\nname: quoted\nmatrix:\n  task: [house]\n  backend: [numpy]\n"
ODD = ("a;touch pwned;.yaml", "$(touch pwned).yaml", "two words.yaml", "it's.yaml", "plain.yaml")


class Told(Exception):
    """Carries the command that would be recorded."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def execute(*arguments: Any, **more: Any) -> None:
        raise Told(arguments[5])

    monkeypatch.setenv("BENCH_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    for module in (run_command, try_command):
        monkeypatch.setattr(module, "execute", execute)

    def tell(command: Any, *words: str) -> str:
        error = CliRunner().invoke(command, words).exception
        assert isinstance(error, Told), error
        return str(error)

    return tell


@pytest.mark.parametrize("name", ODD)
def test_a_run_is_quoted(told: Any, name: str) -> None:
    Path(name).write_text(SUITE)
    words = [name, "-p", str(HOUSE)]
    assert shlex.split(told(run_command.command, *words)) == ["bench", "run", *words]


@pytest.mark.parametrize("name", ODD)
def test_a_trial_is_quoted(told: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is never opened: what is recorded is the command alone, on the suite that the trial wrote."""
    model, data = f"{name}.onnx", f"{name}.npz"
    house = next(each for each in _offers() if each.kind == "task")
    monkeypatch.setattr(try_command, "own_task", lambda *_: house)
    monkeypatch.setattr(try_command, "settings_of", lambda *_: None)
    monkeypatch.setattr(try_command, "_check_model", lambda *_: None)
    monkeypatch.setattr(try_command, "open_suite", lambda *_: (SimpleNamespace(cells=list, name="x"), None))
    for each in (model, data):
        Path(each).write_bytes(b"")
    words = [model, "--data", data, "--backend", "numpy", "-o", name]
    command = shlex.split(told(try_command.command, *words, "-p", str(HOUSE)))
    assert command == ["bench", "run", str(Path(name) / "suite.yaml"), "-p", str(HOUSE)]
    assert Path(command[2]).is_file()


def _offers() -> Any:
    from bench.worker.loading import describe_file

    return describe_file(str(HOUSE))
