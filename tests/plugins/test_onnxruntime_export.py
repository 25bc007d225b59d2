"""Export of .pt2 programs to ONNX."""

import numpy as np
import onnx
import pytest
import torch
from bench_onnxruntime import OPSET, onnx_export
from bench_torch import torch_export

import bench


def test_names_batch_axis_and_opset(exported):
    model = onnx.load(exported.onnx.path, load_external_data=False)
    onnx.checker.check_model(model)
    assert {each.name for each in model.graph.input} == set(exported.make(1))
    assert [each.name for each in model.graph.output] == ["output"]
    for value in (*model.graph.input, *model.graph.output):
        first, *rest = value.type.tensor_type.shape.dim
        assert first.dim_param == "batch"
        assert all(each.HasField("dim_value") for each in rest)
    assert {each.domain: each.version for each in model.opset_import}[""] == OPSET


def test_the_file_stands_alone(exported):
    model = onnx.load(exported.onnx.path, load_external_data=False)
    assert not any(each.data_location == onnx.TensorProto.EXTERNAL for each in model.graph.initializer)
    assert [each.name for each in exported.onnx.path.parent.iterdir() if "data" in each.suffix] == []


def test_export_is_silent_and_says_what_it_did(exported_cnn, export_context, tmp_path, capfd):
    context = export_context(tmp_path, exported_cnn.make)
    path = onnx_export(exported_cnn.torch, context)
    assert capfd.readouterr() == ("", "")
    assert context.facts["opset"] == OPSET
    assert context.facts["exporter"] == f"torch {torch.__version__}"
    assert bench.Artifact.of(path, "onnx").digest == exported_cnn.onnx.digest


def test_an_operator_without_an_onnx_form_is_unsupported(export_context, tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    context = export_context(tmp_path, lambda batch: {"x": np.ones((batch, 2), np.float32)})
    program = bench.Artifact.of(torch_export(Odd(), context), "torch")
    with pytest.raises(bench.Unsupported, match="bessel") as caught:
        onnx_export(program, context)
    assert "torch backend" in caught.value.cure
