"""Suites that name a model of their author's own: found, refused, or kept from running code unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.cli.own import own_task
from bench.cli.setup import open_registry, open_suite
from bench.envs.wanted import of_offer
from bench.errors import ConfigError
from bench.plan import Catalogue
from bench.registry import load_registry
from bench.suite import OwnModel

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


def test_a_metric_is_found_by_its_name(folder: Path) -> None:
    path = write(folder, "{model: ../m.onnx, data: ../d.npz, metric: perplexity}")
    task = open_suite(path, *open_registry())[1].one("task", "m")
    assert task.facts["arguments"]["metric"] == "bench_metrics:perplexity"
    assert [task.facts[key] for key in ("metric", "unit", "higher_is_better")] == ["perplexity", "1", False]


def test_another_metric_is_another_task(folder: Path) -> None:
    tasks = []
    for name in ("accuracy", "top-5"):
        path = write(folder, f"{{model: ../m.onnx, data: ../d.npz, metric: {name}}}")
        tasks.append(open_suite(path, *open_registry())[1].one("task", "m"))
    assert tasks[0].digest != tasks[1].digest


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("data: ../d.npz, metric: acuracy", "4:45: unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ("metric: auc", "4:29: the metric 'auc' needs data with `labels`"),
    ],
)
def test_a_metric_that_cannot_be_is_said_where_it_is_named(folder: Path, task: str, says: str) -> None:
    result = ran("plan", write(folder, f"{{model: ../m.onnx, {task}}}"))
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)


def test_a_metric_whose_library_is_missing_makes_the_cell_unsupported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Catalogue._found
    monkeypatch.setattr(Catalogue, "_found", lambda self, name: name != "jiwer" and found(self, name))
    output = ran("plan", write(folder, "{model: ../m.onnx, data: ../d.npz, metric: wer}")).output
    assert "needs jiwer, not installed here: pip install 'joulebench[metrics]'" in output


def test_a_function_as_metric_runs_only_when_it_is_allowed(folder: Path) -> None:
    path = write(folder, "{model: ../m.onnx, data: ../d.npz, metric: 'os:abort'}")
    result = ran("run", path, "-o", str(folder / "out"))
    assert isinstance(result.exception, ConfigError)
    assert "this suite calls a function as its metric: 'os:abort'" in str(result.exception)
    assert not (folder / "out").exists()


def test_a_file_whose_runtime_has_no_environment_yet_is_told_the_command_that_builds_it(folder: Path) -> None:
    (folder / "m.tflite").write_bytes(b"TFL3")
    model = OwnModel("m", "m.tflite", None, (), folder)
    offer = own_task(model, Catalogue.from_offers(load_registry().offers))
    assert (offer.name, of_offer(offer).command) == ("m", "bench env build litert")
