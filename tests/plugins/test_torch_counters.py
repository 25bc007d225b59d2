"""Counts of programs against numbers worked out by hand."""

import bench_torch
import numpy as np
import pytest
import torch
from bench_torch import torch_export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bench

COUNTERS = ("parameters", "nonzero", "flops", "bitops")


def counted(artifact):
    return {name: getattr(bench_torch, name)(artifact) for name in COUNTERS}


def artifact_of(module, folder, export_context, **inputs):
    folder.mkdir(parents=True, exist_ok=True)
    context = export_context(folder, lambda batch: {name: np.repeat(row, batch, 0) for name, row in inputs.items()})
    return bench.Artifact.of(torch_export(Named(module) if len(inputs) == 1 else module, context), "torch")


class Named(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def row(*shape):
    return np.ones((1, *shape), np.float32)


def test_one_convolution_by_hand(export_context, tmp_path):
    conv = torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    found = counted(artifact_of(conv, tmp_path, export_context, x=row(4, 8, 10)))
    macs = (4 * 5 * 6) * (2 * 3 * 3)  # every output value takes 3 x 3 taps of the 2 channels of its group
    assert found["flops"].value == 2 * macs
    assert found["bitops"].value == macs * 32 * 32
    assert found["parameters"].value == 6 * 2 * 3 * 3 + 6
    assert found["flops"].facts["convention"] == "2 x MACs"
    assert found["flops"].facts["by_operator"] == {"conv2d": 2 * macs}
    assert {each.class_ for each in found.values()} == {"counted"}


def test_one_linear_layer_by_hand(export_context, tmp_path):
    found = counted(artifact_of(torch.nn.Linear(7, 5), tmp_path, export_context, x=row(3, 7)))
    assert found["flops"].value == 2 * 3 * 7 * 5
    assert found["parameters"].value == found["nonzero"].value == 7 * 5 + 5


def test_attention_is_counted(exported_attention):
    found = counted(exported_attention.torch)
    linear = 10 * 32 * 96 + 32 * 5
    attention = 2 * 4 * 10 * 10 * 8  # scores and mixing, four heads of width 8 over 10 x 10 words
    assert found["flops"].value == 2 * (linear + attention)
    assert found["flops"].facts["by_operator"]["scaled_dot_product_attention"] == 2 * attention
    assert found["parameters"].value == sum(each.numel() for each in exported_attention.module.parameters())


def test_running_statistics_are_no_parameters(exported_cnn):
    assert counted(exported_cnn.torch)["parameters"].value == sum(
        each.numel() for each in exported_cnn.module.parameters()
    )


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_zeros_are_found_exactly(tmp_path_factory, export_context, mask):
    layer = torch.nn.Linear(6, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(mask, dtype=torch.float32).reshape(4, 6) * 0.5)
        layer.bias.fill_(1.0)
    folder = tmp_path_factory.mktemp("masked")
    found = counted(artifact_of(layer, folder, export_context, x=row(6)))
    assert found["nonzero"].value == sum(mask) + 4
    assert found["parameters"].value == 28
    assert found["flops"].value == 2 * 24
    assert found["flops"].facts["effective"] == 2 * sum(mask)


def test_a_shared_weight_counts_once(export_context, tmp_path):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4, bias=False)
            self.decode.weight = self.encode.weight

        def forward(self, x):
            return self.decode(self.encode(x))

    found = counted(artifact_of(Tied(), tmp_path, export_context, x=row(4)))
    assert found["parameters"].value == 16
    assert found["flops"].value == 2 * 32


@pytest.mark.parametrize(("low", "high", "bits"), [(-128, 127, 8), (0, 127, 8), (-8, 7, 4)])
def test_bits_come_from_the_integers_behind_a_float(export_context, tmp_path, low, high, bits):
    pytest.importorskip(
        "torchao.quantization.pt2e.quantize_pt2e", reason="torchao, which registers the operators, is absent"
    )

    class Quantised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.tensor([[1, 0, 3], [3, 3, 2]], dtype=torch.int8))

        def forward(self, x):
            ops = torch.ops.quantized_decomposed
            weight = ops.dequantize_per_tensor(self.weight, 0.5, 3, low, high, torch.int8)
            x = ops.quantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)
            x = ops.dequantize_per_tensor(x, 0.1, 0, -128, 127, torch.int8)
            return torch.nn.functional.linear(x, weight)

    found = counted(artifact_of(Quantised(), tmp_path, export_context, x=row(3)))
    assert found["parameters"].value == 6
    assert found["nonzero"].value == 3, "a quantised weight is zero at its zero point, here 3"
    assert found["flops"].value == 2 * 6
    assert found["flops"].facts["effective"] == 2 * 3
    assert found["bitops"].value == 6 * bits * 8


def test_what_has_no_formula_is_unavailable_not_too_small(export_context, tmp_path):
    class Spectrum(torch.nn.Module):
        def forward(self, x):
            return torch.fft.rfft(x).real

    found = counted(artifact_of(Spectrum(), tmp_path, export_context, x=row(8)))
    assert found["flops"].class_ == found["bitops"].class_ == "unavailable"
    assert "fft" in found["flops"].reason
    assert found["flops"].value is None


def test_a_second_dynamic_axis_has_no_one_count(tmp_path):
    shapes = {"x": {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}}
    program = torch.export.export(Named(torch.nn.Linear(4, 2)), (), {"x": torch.ones(3, 5, 4)}, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "model.pt2")
    found = counted(bench.Artifact.of(tmp_path / "model.pt2", "torch"))
    assert "dynamic axis" in found["flops"].reason
    assert found["parameters"].value == 10
