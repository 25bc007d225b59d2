"""The ONNX Runtime backend: outputs, inputs, options, refusals."""

import numpy as np
import onnx
import onnxruntime
import pytest
from bench_onnxruntime import OnnxRuntimeBackend
from bench_torch import TorchBackend
from onnx import TensorProto, helper

import bench


def opened(artifact, threads=1, **options):
    return OnnxRuntimeBackend(**options).open(artifact, device="cpu", threads=threads)


def saved(tmp_path, nodes, inputs, outputs, opset=18):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    return bench.Artifact.of(tmp_path / "model.onnx", "onnx")


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.mark.parametrize("level", ["all", "extended", "basic", "disabled"])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_equal_those_of_torch(exported, batch, level):
    inputs = exported.make(batch)
    wanted = TorchBackend().open(exported.torch, device="cpu", threads=1).run(inputs)["output"]
    session = opened(exported.onnx, graph_optimization=level)
    np.testing.assert_allclose(session.run(inputs)["output"], wanted, atol=1e-4)
    np.testing.assert_allclose(session.bind(inputs)()[0], wanted, atol=1e-4)


def test_the_bound_call_computes_anew_and_keeps_its_own_inputs(exported_cnn):
    session = opened(exported_cnn.onnx)
    inputs = {name: array.copy() for name, array in exported_cnn.make(2).items()}
    call = session.bind(inputs)
    buffer = call()[0]
    first = buffer.copy()
    inputs["image"][:] = 0
    buffer[:] = np.nan
    assert call()[0] is buffer
    np.testing.assert_array_equal(buffer, first)
    np.testing.assert_allclose(first, session.run(exported_cnn.make(2))["output"], atol=1e-6)


def test_an_output_whose_shape_only_running_tells(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["output"])]
    artifact = saved(
        tmp_path, nodes, [value("x", TensorProto.FLOAT, "batch", 3)], [value("output", TensorProto.INT64, 2, "n")]
    )
    call = opened(artifact).bind({"x": np.array([[1, 0, 2]], np.float32)})
    np.testing.assert_array_equal(call()[0], [[0, 0], [0, 2]])


def test_half_precision_comes_back_as_float32(tmp_path):
    nodes = [helper.make_node("Cast", ["x"], ["output"], to=TensorProto.FLOAT16)]
    shapes = [value("x", TensorProto.FLOAT, "batch", 2)], [value("output", TensorProto.FLOAT16, "batch", 2)]
    session = opened(saved(tmp_path, nodes, *shapes))
    rows = {"x": np.ones((2, 2), np.float32)}
    assert session.run(rows)["output"].dtype == np.float32
    assert session.bind(rows)()[0].dtype == np.float16


def test_facts_say_which_operators_really_run(exported_cnn):
    rewritten = opened(exported_cnn.onnx).facts()
    plain = opened(exported_cnn.onnx, graph_optimization="disabled").facts()
    assert rewritten["version"] == onnxruntime.__version__
    assert rewritten["providers"] == ["CPUExecutionProvider"]
    assert plain["operators"]["Relu"] == 2
    assert "Relu" not in rewritten["operators"], "the runtime fuses it into the convolution"


@pytest.mark.parametrize(("threads", "spinning"), [(1, True), (2, False)])
def test_threads_do_not_spin(exported_cnn, threads, spinning):
    facts = opened(exported_cnn.onnx, threads=threads).facts()
    assert (facts["threads"], facts["spinning"]) == (threads, spinning)


def test_wrong_inputs_are_named(exported_attention):
    session = opened(exported_attention.onnx)
    inputs = dict(exported_attention.make(1))
    with pytest.raises(bench.BenchError, match="takes the inputs attention_mask, input_ids"):
        session.run({"input_ids": inputs["input_ids"]})
    with pytest.raises(bench.BenchError, match=r"'input_ids' is tensor\(int64\)"):
        session.run({**inputs, "input_ids": inputs["input_ids"].astype(np.float32)})


def test_other_devices_are_unsupported(exported_cnn):
    for device, reason in (("cuda:0", "no CUDA provider"), ("tpu", "not on 'tpu'")):
        with pytest.raises(bench.Unsupported, match=reason):
            OnnxRuntimeBackend().open(exported_cnn.onnx, device=device, threads=1)


def test_an_operator_without_a_kernel_is_unsupported(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["output"])]
    shapes = [value("x", TensorProto.BFLOAT16, "batch", 2)], [value("output", TensorProto.BFLOAT16, "batch", 2)]
    with pytest.raises(bench.Unsupported, match=r"cannot run model\.onnx"):
        opened(saved(tmp_path, nodes, *shapes))


def test_a_file_that_is_no_model_is_unsupported(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(bench.Unsupported, match="cannot run"):
        opened(bench.Artifact.of(tmp_path / "model.onnx", "onnx"))
