"""Suites that name a model of their author's own: found, refused, or kept from running code unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.cli.setup import open_registry, open_suite
from bench.errors import ConfigError

SUITE = "bench: 1\nname: mine\nmatrix:\n  task: [{}]\n  backend: onnxruntime\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("m.onnx", "d.npz", "m.h5"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write(folder: Path, task: str) -> str:
    path = folder / "deep" / "s.yaml"
    path.write_text(SUITE.format(task))
    return str(path)


def ran(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_the_plan_holds_the_model_and_its_arguments_lead_to_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder, "{model: ../m.onnx, data: ../d.npz}")
    monkeypatch.chdir("/")
    assert "1 can run here" in ran("plan", path).output
    _, catalogue = open_suite(path, *open_registry())
    task = catalogue.one("task", "m")
    assert task.facts["arguments"] == {"model": str(folder / "m.onnx"), "data": str(folder / "d.npz")}


def test_another_file_is_another_task(folder: Path) -> None:
    path = write(folder, "{model: ../m.onnx}")
    before = open_suite(path, *open_registry())[1].one("task", "m").digest
    (folder / "m.onnx").write_bytes(b"trained again")
    assert open_suite(path, *open_registry())[1].one("task", "m").digest != before


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("{model: ../n.onnx}", "s.yaml:4:11: no such file: "),
        ("{model: ../m.onnx, data: none.npz}", "s.yaml:4:11: no such file: "),
        ("{model: ../m.pth}", "s.yaml:4:11: no plugin opens '../m.pth'\n"),
        ("{model: ..}", "s.yaml:4:11: no plugin opens '..'"),
    ],
)
def test_what_is_missing_is_said_where_it_is_named(folder: Path, task: str, says: str) -> None:
    result = ran("plan", write(folder, task))
    assert isinstance(result.exception, ConfigError)  # which `main` prints, and ends with 2
    assert says in str(result.exception)
    assert "^" in str(result.exception)


def test_code_runs_only_when_it_is_allowed(folder: Path) -> None:
    path = write(folder, "{model: 'os:abort'}").replace("onnxruntime", "torch")
    result = ran("run", path, "-o", str(folder / "out"))
    assert isinstance(result.exception, ConfigError)
    assert "this suite calls a function of a module: 'os:abort'" in str(result.exception)
    assert "--allow-code" in str(result.exception)
    assert not (folder / "out").exists()
