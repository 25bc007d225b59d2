"""Counts of ONNX files: by hand, and against those of the program they were exported from."""

import bench_onnxruntime
import bench_torch
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper

import bench

COUNTERS = ("parameters", "nonzero", "flops", "bitops")
SIGNED, UNSIGNED = np.int8, np.uint8


def counted(artifact, plugin=bench_onnxruntime):
    return {name: getattr(plugin, name)(artifact) for name in COUNTERS}


def artifact_of(folder, nodes, shapes, out=("batch", None), **constants):
    """Save a graph of one float input x and one output y of these shapes."""
    weights = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder / "model.onnx")
    return bench.Artifact.of(folder / "model.onnx", "onnx")


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def test_work_agrees_with_the_program(exported):
    ours, theirs = counted(exported.onnx), counted(exported.torch, bench_torch)
    for name in ("flops", "bitops"):
        assert ours[name].value == pytest.approx(theirs[name].value, rel=0.01)
        assert ours[name].unit == theirs[name].unit


def test_attention_model_has_the_same_weights(exported_attention):
    ours, theirs = counted(exported_attention.onnx), counted(exported_attention.torch, bench_torch)
    for name in ("parameters", "nonzero"):
        assert ours[name].value == theirs[name].value


def test_folded_normalisation_leaves_one_bias_a_channel(exported_cnn):
    ours, theirs = counted(exported_cnn.onnx), counted(exported_cnn.torch, bench_torch)
    assert theirs["parameters"].value - ours["parameters"].value == 8, "8 scales and 8 shifts became 8 biases"


def test_one_convolution_by_hand(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], group=2, pads=[1, 1, 1, 1], strides=[2, 2])]
    weight = np.ones((6, 2, 3, 3), np.float32)
    weight[0] = 0
    found = counted(
        artifact_of(tmp_path, nodes, ["batch", 4, 8, 10], ["batch", 6, 4, 5], w=weight, b=np.ones(6, np.float32))
    )
    macs = (4 * 5 * 6) * (2 * 3 * 3)
    assert found["flops"].value == 2 * macs
    assert found["flops"].facts["effective"] == round(2 * macs * 5 / 6)
    assert found["flops"].facts["convention"] == "2 x MACs"
    assert found["bitops"].value == macs * 32 * 32
    assert found["parameters"].value == 6 * 18 + 6
    assert found["nonzero"].value == 5 * 18 + 6


def test_one_gemm_by_hand(tmp_path):
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
    found = counted(
        artifact_of(
            tmp_path, nodes, ["batch", 7], ["batch", 5], w=np.ones((5, 7), np.float32), b=np.ones(5, np.float32)
        )
    )
    assert found["flops"].value == 2 * 35
    assert found["parameters"].value == 40


def test_transposed_convolution_by_hand(tmp_path):
    nodes = [helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])]
    found = counted(
        artifact_of(tmp_path, nodes, ["batch", 3, 4, 4], ["batch", 2, 9, 9], w=np.ones((3, 2, 3, 3), np.float32))
    )
    assert found["flops"].value == 2 * (3 * 4 * 4) * (2 * 3 * 3), (
        "each input value meets each tap of each output channel"
    )


@pytest.mark.parametrize("per_channel", [False, True])
def test_quantised_weights_between_quantise_and_dequantise(tmp_path, per_channel):
    zero = np.array([3, 0], SIGNED) if per_channel else scalar(3, SIGNED)
    scale = np.array([0.5, 0.5], np.float32) if per_channel else scalar(0.5)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=1),
        helper.make_node("MatMul", ["d", "dw"], ["y"]),
    ]
    weight = np.array([[3, 0], [3, 3], [1, 0]], SIGNED)
    constants = {"s": scalar(0.1), "z": scalar(0, UNSIGNED), "w": weight, "ws": scale, "wz": zero}
    found = counted(artifact_of(tmp_path, nodes, ["batch", 3], ["batch", 2], **constants))
    assert found["parameters"].value == 6
    assert found["nonzero"].value == (2 if per_channel else 3)
    assert found["bitops"].value == 6 * 8 * 8


def test_dynamic_integer_product(tmp_path):
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z", "wz"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "w_scale"], ["y"]),
    ]
    constants = {"w": np.array([[1, 0], [0, 2]], SIGNED), "wz": scalar(0, SIGNED), "w_scale": np.ones(2, np.float32)}
    found = counted(artifact_of(tmp_path, nodes, ["batch", 2], ["batch", 2], **constants))
    assert (found["parameters"].value, found["nonzero"].value) == (4, 2)
    assert found["flops"].value == 8
    assert found["bitops"].value == 4 * 8 * 8


def test_weights_in_constant_nodes_count_too(tmp_path):
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32))
    nodes = [helper.make_node("Constant", [], ["w"], value=weight), helper.make_node("MatMul", ["x", "w"], ["y"])]
    found = counted(artifact_of(tmp_path, nodes, ["batch", 3], ["batch", 3]))
    assert (found["parameters"].value, found["nonzero"].value) == (9, 3)
    assert found["flops"].facts["effective"] == 6


def test_shapes_and_single_numbers_are_no_weights(tmp_path):
    nodes = [helper.make_node("Mul", ["x", "half"], ["h"]), helper.make_node("Reshape", ["h", "shape"], ["y"])]
    found = counted(
        artifact_of(tmp_path, nodes, ["batch", 4], ["batch", 2, 2], half=scalar(0.5), shape=np.array([-1, 2, 2]))
    )
    assert found["parameters"].value == found["flops"].value == 0


def test_what_has_no_formula_is_unavailable(tmp_path):
    nodes = [helper.make_node("Einsum", ["x", "x"], ["y"], equation="bi,bj->bij")]
    found = counted(artifact_of(tmp_path, nodes, ["batch", 4], ["batch", 4, 4]))
    assert found["flops"].class_ == "unavailable"
    assert "Einsum" in found["flops"].reason


def test_a_second_dynamic_axis_has_no_one_count(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    found = counted(
        artifact_of(tmp_path, nodes, ["batch", "length", 3], ["batch", "length", 2], w=np.ones((3, 2), np.float32))
    )
    assert "dynamic axis" in found["bitops"].reason
    assert found["parameters"].value == 6


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 6)),
        elements=st.sampled_from([0.0, -0.0, 1.0, 1e-30, -2.0]),
    )
)
def test_zeros_are_found_exactly(tmp_path_factory, weight):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    folder = tmp_path_factory.mktemp("masked")
    found = counted(artifact_of(folder, nodes, ["batch", weight.shape[0]], ["batch", weight.shape[1]], w=weight))
    nonzero = sum(each != 0 for each in weight.ravel().tolist())
    assert found["nonzero"].value == nonzero
    assert found["parameters"].value == weight.size
    assert found["flops"].facts["effective"] == 2 * nonzero
