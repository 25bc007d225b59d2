"""Exporting modules to .pt2 and back."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_torch import torch_export, torch_load
from bench_torch.program import inputs_of, load_program

import bench


def test_the_batch_axis_is_dynamic_and_inputs_keep_their_names(exported):
    inputs = inputs_of(load_program(exported.torch.path))
    assert {each.name for each in inputs} == set(exported.make(1))
    assert all(each.shape[0] is None and None not in each.shape[1:] for each in inputs)


def test_no_source_paths_or_example_inputs_stay_in_the_file(exported):
    with zipfile.ZipFile(exported.torch.path) as archive:
        text = archive.read(next(name for name in archive.namelist() if name.endswith("/models/model.json"))).decode()
        samples = [archive.getinfo(name).file_size for name in archive.namelist() if "sample_inputs" in name]
    assert "conftest.py" not in text
    assert "stack_trace" not in text
    assert samples in ([], [0])


def test_the_same_module_gives_the_same_file(exported_cnn, export_context, tmp_path):
    again = torch_export(exported_cnn.module, export_context(tmp_path, exported_cnn.make))
    assert bench.Artifact.of(again, "torch").digest == exported_cnn.torch.digest


def test_the_module_is_traced_in_evaluation_mode_and_keeps_its_own(export_context, tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.9)).train()

    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, input):  # noqa: A002 - a name that torch renames in its graphs
            return self.inner(input)

    named = Named().train()
    rows = {"input": np.ones((2, 4), np.float32)}
    path = torch_export(named, export_context(tmp_path, lambda batch: {"input": rows["input"][:batch]}))
    assert named.training
    program = load_program(path)
    assert [each.name for each in inputs_of(program)] == ["input"]
    with torch.no_grad():
        wanted = named.eval()(torch.ones(2, 4))
        assert torch.equal(program.module(check_guards=False)(input=torch.ones(2, 4)), wanted)


def test_a_fixed_batch_is_refused_with_the_cure(export_context, tmp_path):
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return x.reshape(2, 2, 2)

    with pytest.raises(bench.BenchError, match="cannot trace Fixed") as caught:
        torch_export(Fixed(), export_context(tmp_path, lambda batch: {"x": np.ones((batch, 4), np.float32)}))
    assert "batch" in caught.value.cure


def test_a_task_of_a_fixed_batch_gives_a_program_of_that_batch(export_context, tmp_path):
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return x.reshape(1, 2, 2)

    path = torch_export(Fixed(), export_context(tmp_path, lambda batch: {"x": np.ones((1, 4), np.float32)}))
    assert [each.shape for each in inputs_of(load_program(path))] == [(1, 4)]


def test_a_program_becomes_a_module_with_its_layers(exported_cnn, export_context, tmp_path):
    context = export_context(tmp_path, exported_cnn.make)
    module = torch_load(exported_cnn.torch, context)
    assert {"first", "norm", "second", "classify"} <= {name for name, _ in module.program.named_children()}
    inputs = {name: torch.from_numpy(value) for name, value in exported_cnn.make(3).items()}
    with torch.no_grad():
        assert torch.allclose(module(**inputs), exported_cnn.module(**inputs), atol=1e-6)
    assert "rebuilt" in context.lines[0]


def test_a_file_that_is_no_program_is_unsupported(tmp_path: Path):
    path = tmp_path / "model.pt2"
    path.write_bytes(b"not a zip")
    with pytest.raises(bench.Unsupported, match=r"no \.pt2 file"):
        load_program(path)
