"""The examples of the documentation work as they stand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.offer import Offer
from bench.registry import Registry
from bench.suite import Vocabulary, load
from bench.worker.loading import describe_file

from .conftest import ROOT, blocks, named, pages

README = ROOT / "README.md"
TASK = ROOT / "docs" / "how-to" / "own-task.md"


def _plugins(page: Path) -> list[str]:
    return [each for each in blocks(page, "python") if "@bench." in each and "@bench.hookimpl" not in each]


@pytest.fixture(scope="module")
def readme_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = _plugins(README)
    path = tmp_path_factory.mktemp("readme") / "my_prune.py"
    path.write_text(code, encoding="utf-8")
    return path


def test_the_readmes_plugin_is_listed(readme_plugin: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "list", "compressors", "-p", "./my_prune.py", "--json"]
    environment = {**os.environ, "BENCH_CACHE": str(tmp_path)}
    ended = subprocess.run(
        command, cwd=readme_plugin.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (offer,) = (each for each in json.loads(ended.stdout)["compressors"] if each["name"] == "my-prune")
    assert offer["summary"] == "Zero the smallest weights across all layers."
    assert [(each["name"], each["type"], each["default"]) for each in offer["options"]] == [("amount", "float", 0.5)]


@pytest.mark.parametrize("page", named([each for each in pages() if _plugins(each)]))
def test_every_plugin_shown_can_be_described(page: Path, tmp_path: Path) -> None:
    for index, code in enumerate(_plugins(page)):
        path = tmp_path / f"plugin_{index}.py"
        path.write_text(code, encoding="utf-8")
        assert describe_file(str(path)), code


def test_the_readmes_plugin_prunes(readme_plugin: Path) -> None:
    import torch

    scope: dict[str, Any] = {}
    exec(readme_plugin.read_text(encoding="utf-8"), scope)
    model = scope["my_prune"](torch.nn.Sequential(torch.nn.Linear(20, 20), torch.nn.Linear(20, 5)), None, amount=0.5)
    weights = torch.cat([layer.weight.flatten() for layer in model])
    assert int((weights == 0).sum()) == 250
    assert not hasattr(model[0], "weight_mask")


def test_the_task_shown_is_a_task() -> None:
    import torch

    import bench

    (code,) = _plugins(TASK)
    scope: dict[str, Any] = {"__name__": "parity"}
    exec(code, scope)
    task = scope["SignOfSum"]()
    assert isinstance(task, bench.TrainableTask)
    inputs = {name: torch.from_numpy(each) for name, each in task.inputs("evaluation").items()}
    with torch.no_grad():
        outputs = {"output": task.module()(**inputs).numpy()}
    score = task.score(outputs)
    assert score.value == 1.0
    assert score.outcomes.shape == (2000,)


def _suites(page: Path) -> list[str]:
    return [each for each in blocks(page, "yaml") if "bench: 1" in each]


@pytest.mark.parametrize("page", named([each for each in pages() if _suites(each)]))
def test_every_suite_shown_is_valid(page: Path, readme_plugin: Path, registry: Registry, tmp_path: Path) -> None:
    extra = [Offer.from_json(each.to_json()) for each in describe_file(str(readme_plugin))]
    for index, text in enumerate(_suites(page)):
        path = tmp_path / f"suite-{index}.yaml"
        path.write_text(text, encoding="utf-8")
        assert load(path, vocabulary=Vocabulary.of([*registry.offers, *extra]), env={}).cells()
