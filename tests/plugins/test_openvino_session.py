"""The OpenVINO backend: outputs, inputs, settings, refusals. Runs where openvino is installed (`tox -e openvino`)."""

from pathlib import Path

import numpy as np
import pytest

import bench

openvino = pytest.importorskip("openvino", reason="openvino is not installed here: tox -e openvino")
onnx = pytest.importorskip("onnx", reason="the files of these tests are ONNX, and plugins install one by one")

from bench_onnxruntime import OnnxRuntimeBackend  # noqa: E402
from bench_openvino import OpenVinoBackend, openvino_ir  # noqa: E402
from bench_torch import TorchBackend  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

TOLERANCE = 1e-4
WORK_NS = 300_000_000


def opened(artifact, threads=1, **options):
    return OpenVinoBackend(**options).open(artifact, device="cpu", threads=threads)


def saved(tmp_path, nodes, inputs, outputs, opset=18):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    return bench.Artifact.of(tmp_path / "model.onnx", "onnx")


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def work_by_thread():
    """Return nanoseconds on a processor by thread of this process."""
    return {each.name: int((each / "schedstat").read_text().split()[0]) for each in Path("/proc/self/task").iterdir()}


@pytest.fixture
def ir(exported, export_context, tmp_path):
    return bench.Artifact.of(openvino_ir(exported.onnx, export_context(tmp_path, exported.make)), "openvino")


@pytest.mark.parametrize("hint", ["latency", "throughput"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_equal_those_of_torch_and_onnxruntime(exported, batch, threads, hint):
    inputs = exported.make(batch)
    session = opened(exported.onnx, threads, hint=hint)
    found = session.run(inputs)["output"]
    for backend, artifact in ((TorchBackend, exported.torch), (OnnxRuntimeBackend, exported.onnx)):
        wanted = backend().open(artifact, device="cpu", threads=1).run(inputs)["output"]
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
    np.testing.assert_allclose(session.bind(inputs)()[0], found, atol=1e-6)


def test_ir_computes_what_the_onnx_file_computes(exported, ir):
    inputs = exported.make(2)
    np.testing.assert_allclose(opened(ir).run(inputs)["output"], opened(exported.onnx).run(inputs)["output"], atol=1e-6)


def test_weights_of_ir_keep_their_precision(ir, exported):
    assert sorted(each.name for each in ir.path.iterdir()) == ["model.bin", "model.xml"]
    weights = sum(each.numel() for each in exported.module.parameters())
    assert (ir.path / "model.bin").stat().st_size >= 4 * weights * 0.9  # norms fold into convolutions; float32 all


def test_the_bound_call_computes_anew_and_keeps_its_own_inputs(exported_cnn):
    session = opened(exported_cnn.onnx)
    inputs = {name: array.copy() for name, array in exported_cnn.make(2).items()}
    call = session.bind(inputs)
    first = call()[0].copy()
    inputs["image"][:] = 0
    call()[0][:] = np.nan
    np.testing.assert_array_equal(call()[0], first)
    np.testing.assert_allclose(first, session.run(exported_cnn.make(2))["output"], atol=1e-6)


def test_a_session_runs_any_batch_after_another(exported_cnn):
    session = opened(exported_cnn.onnx)
    bound = session.bind(exported_cnn.make(1))
    before = bound()[0].copy()
    for batch in (3, 1, 5):
        assert session.run(exported_cnn.make(batch))["output"].shape == (batch, 10)
    np.testing.assert_array_equal(bound()[0], before)


def test_an_output_whose_shape_only_running_tells(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["output"])]
    artifact = saved(
        tmp_path, nodes, [value("x", TensorProto.FLOAT, "batch", 3)], [value("output", TensorProto.INT64, 2, "n")]
    )
    call = opened(artifact).bind({"x": np.array([[1, 0, 2]], np.float32)})
    np.testing.assert_array_equal(call()[0], [[0, 0], [0, 2]])


def test_several_outputs_keep_the_names_of_the_file(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["output_0"]), helper.make_node("Identity", ["output_0"], ["output_1"])]
    outputs = [value(f"output_{index}", TensorProto.FLOAT, "batch", 2) for index in range(2)]
    found = opened(saved(tmp_path, nodes, [value("x", TensorProto.FLOAT, "batch", 2)], outputs)).run(
        {"x": np.array([[-1, 2]], np.float32)}
    )
    assert {name: array.tolist() for name, array in found.items()} == {"output_0": [[0, 2]], "output_1": [[0, 2]]}


def test_half_precision_comes_back_as_float32(tmp_path):
    nodes = [helper.make_node("Cast", ["x"], ["output"], to=TensorProto.FLOAT16)]
    shapes = [value("x", TensorProto.FLOAT, "batch", 2)], [value("output", TensorProto.FLOAT16, "batch", 2)]
    found = opened(saved(tmp_path, nodes, *shapes)).run({"x": np.ones((2, 2), np.float32)})
    assert found["output"].dtype == np.float32


@pytest.mark.parametrize("threads", [1, 2])
def test_facts_say_what_the_runtime_made_of_its_settings(exported_cnn, threads):
    facts = opened(exported_cnn.onnx, threads).facts()
    assert facts["version"] == openvino.__version__.partition("-")[0]
    assert (facts["threads"], facts["precision"], facts["hint"], facts["pinning"]) == (threads, "f32", "latency", False)
    assert facts["streams"] == 1
    assert facts["operators"]["Convolution"] == 2
    assert set(facts["precisions"]) <= {"f32", "i32", "i64"}, "computes in float32, whatever the processor could"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="a thread's processor time is read from /proc")
@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_threads_work_than_were_asked_for(exported_cnn, threads):
    call = opened(exported_cnn.onnx, threads).bind(exported_cnn.make(256))
    call()
    before = work_by_thread()
    while sum(work_by_thread().values()) - sum(before.values()) < WORK_NS:
        call()
    spent = [ns - before.get(thread, 0) for thread, ns in work_by_thread().items()]
    assert 1 <= sum(each > 0.02 * WORK_NS for each in spent) <= threads


def test_a_precision_that_the_processor_lacks_is_refused_not_replaced(exported_cnn):
    offered = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for precision, capability in (("bf16", "BF16"), ("f16", "FP16")):
        if capability in offered:
            assert opened(exported_cnn.onnx, precision=precision).facts()["precision"] == precision
        else:
            with pytest.raises(bench.Unsupported, match=f"computes in f32.* on this processor, not in {precision}"):
                opened(exported_cnn.onnx, precision=precision)


def test_wrong_inputs_are_named(exported_attention):
    session = opened(exported_attention.onnx)
    inputs = dict(exported_attention.make(1))
    with pytest.raises(bench.BenchError, match="takes the inputs attention_mask, input_ids"):
        session.run({"input_ids": inputs["input_ids"]})
    with pytest.raises(bench.BenchError, match="'input_ids' is int64 in the model; it was given float32"):
        session.run({**inputs, "input_ids": inputs["input_ids"].astype(np.float32)})


def test_other_devices_are_unsupported(exported_cnn):
    for device in ("cuda:0", "gpu"):
        with pytest.raises(bench.Unsupported, match=f"runs on cpu, not on '{device}'"):
            OpenVinoBackend().open(exported_cnn.onnx, device=device, threads=1)


def test_an_operator_the_runtime_lacks_is_unsupported(tmp_path):
    nodes = [helper.make_node("NoSuchOperator", ["x"], ["output"], domain="nobody")]
    shapes = [value("x", TensorProto.FLOAT, "batch", 2)], [value("output", TensorProto.FLOAT, "batch", 2)]
    with pytest.raises(bench.Unsupported, match=r"cannot run model\.onnx: .*NoSuchOperator"):
        opened(saved(tmp_path, nodes, *shapes))


def test_files_that_are_no_model_are_unsupported(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(bench.Unsupported, match="cannot run"):
        opened(bench.Artifact.of(tmp_path / "model.onnx", "onnx"))
    folder = tmp_path / "ir"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(bench.Unsupported, match=r"a folder with one \.xml file; ir holds 0"):
        opened(bench.Artifact.of(folder, "openvino"))


def test_a_closed_session_gives_its_request_back_and_opening_again_works(exported_cnn):
    inputs = exported_cnn.make(1)
    first = opened(exported_cnn.onnx)
    wanted = first.run(inputs)["output"]
    first.close()
    np.testing.assert_array_equal(opened(exported_cnn.onnx).run(inputs)["output"], wanted)


def test_a_quantised_file_computes_in_integers(exported_cnn, export_context, tmp_path):
    pytest.importorskip("onnxruntime", reason="the int8 file of this test is quantised by it")
    from bench_quantize import quantize_onnx  # a step on files

    context = export_context(tmp_path, exported_cnn.make)
    context.calibration = lambda n: {
        k: np.concatenate([exported_cnn.make(b)[k] for b in range(1, 9)]) for k in ("image",)
    }
    small = bench.Artifact.of(quantize_onnx(exported_cnn.onnx, context, mode="static"), "onnx")
    assert {"i8", "u8"} & set(opened(small).facts()["precisions"])
