"""The written formula of linear quantisation: q = round(x / s) + z."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from bench_quantize import linear
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, reference

VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)
BITS = st.integers(2, 16)


def test_the_worked_example():
    assert linear.quantize(0.75, 0.25, 0) == 3
    assert linear.dequantize(3, 0.25, 0) == 0.75


@pytest.mark.parametrize(
    ("bits", "signed", "expected", "dtype"),
    [
        (8, True, (-128, 127), "int8"),
        (8, False, (0, 255), "uint8"),
        (4, True, (-8, 7), "int8"),
        (16, True, (-32768, 32767), "int16"),
    ],
)
def test_limits_and_storage(bits, signed, expected, dtype):
    assert linear.limits(bits, signed) == expected
    assert linear.quantize(0.0, 1.0, bits=bits, signed=signed).dtype == dtype


@given(low=VALUES, high=VALUES, part=st.floats(0, 1), bits=BITS, signed=st.booleans())
def test_inside_the_range_the_error_is_at_most_half_a_step(low, high, part, bits, signed):
    assume(low < high)
    low, high = min(low, 0.0), max(high, 0.0)
    x = low + part * (high - low)
    scale, zero = linear.affine_parameters(low, high, bits=bits, signed=signed)
    q = linear.quantize(x, scale, zero, bits=bits, signed=signed)
    smallest, largest = linear.limits(bits, signed)
    assert smallest <= int(q) <= largest
    assert abs(x - float(linear.dequantize(q, scale, zero))) <= scale / 2 * (1 + 1e-6)


@given(magnitude=st.floats(1e-6, 1e6), part=st.floats(-1, 1), bits=BITS)
def test_symmetric_keeps_half_a_step_and_zero(magnitude, part, bits):
    scale = linear.symmetric_scale(magnitude, bits=bits)
    x = part * magnitude
    assert abs(x - float(linear.dequantize(linear.quantize(x, scale, bits=bits), scale))) <= scale / 2 * (1 + 1e-9)
    assert linear.quantize(0.0, scale, bits=bits) == 0


@given(low=VALUES, high=VALUES, bits=BITS, signed=st.booleans())
def test_zero_is_always_exact(low, high, bits, signed):
    scale, zero = linear.affine_parameters(min(low, high), max(low, high), bits=bits, signed=signed)
    assert linear.dequantize(linear.quantize(0.0, scale, zero, bits=bits, signed=signed), scale, zero) == 0


def test_what_lies_outside_is_clipped():
    assert linear.quantize([-1e9, 1e9], 0.5, 3).tolist() == [-128, 127]
    assert linear.quantize([-1e9, 1e9], 0.5, 3, signed=False).tolist() == [0, 255]


def test_an_empty_range_does_not_divide_by_zero():
    scale, zero = linear.affine_parameters(0.0, 0.0)
    assert (float(scale), float(linear.symmetric_scale(0.0))) == (1.0, 1.0)
    assert linear.dequantize(linear.quantize(0.0, scale, zero), scale, zero) == 0


def test_one_range_per_channel():
    scale, zero = linear.affine_parameters(np.array([-1.0, 0.0]), np.array([1.0, 51.0]), signed=False)
    assert scale.tolist() == [2 / 255, 0.2]
    assert zero.tolist() == [128, 0]


def test_agrees_bit_for_bit_with_onnx():
    x = np.random.default_rng(0).normal(0, 3, 4000).astype(np.float32)
    scale, zero = linear.affine_parameters(float(x.min()) / 2, float(x.max()) / 2, signed=False)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    kinds = {"x": TensorProto.FLOAT, "s": TensorProto.FLOAT, "z": TensorProto.UINT8}
    inputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("q", TensorProto.UINT8, None)])
    model = helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    (expected,) = reference.ReferenceEvaluator(model).run(
        None, {"x": x, "s": np.float32(scale), "z": zero.astype(np.uint8)}
    )
    assert np.array_equal(linear.quantize(x, np.float32(scale), zero, signed=False), expected)


def test_agrees_bit_for_bit_with_torchs_fake_quantisation():
    x = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    expected = torch.fake_quantize_per_tensor_affine(x, 0.03125, 5, -128, 127)
    ours = linear.dequantize(linear.quantize(x.numpy(), 0.03125, 5), 0.03125, 5)
    assert np.array_equal(ours, expected.numpy())


def test_agrees_with_torchaos_int8_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        torch.manual_seed(0)
        layer = torch.nn.Sequential(torch.nn.Linear(64, 32))
        weight = layer[0].weight.detach().numpy().copy()
        quantize_(layer, Int8DynamicActivationInt8WeightConfig(set_inductor_config=False))
    stored, scale = layer[0].weight.qdata.numpy(), layer[0].weight.scale.numpy()
    # torchao multiplies by 1 / s, which may tip an x / s within a float's rounding of a half; a row's largest weight
    # lies at 127.5 by construction.
    tipping = abs(weight / scale % 1 - 0.5) < 1e-4
    assert tipping.sum() < 2 * len(weight)
    assert np.array_equal(linear.quantize(weight, scale)[~tipping], stored[~tipping])
    assert scale.ravel() == pytest.approx(abs(weight).max(1) / 127.5)
