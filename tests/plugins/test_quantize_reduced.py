"""Int8 weights of 7 bits: where, who decides, what is left; and files without what no runtime reads."""

import bench_quantize
import numpy as np
import onnx
import pytest
from bench_quantize.onnx_slim import slim
from bench_quantize.options import Options
from bench_quantize.pooling import pool_means
from onnx import TensorProto, helper, numpy_helper

import bench
from bench.machine import saturates_int8, traits_of


def flags(*names):
    return f"processor\t: 0\nmodel name\t: avx_vnni in a name\nflags\t\t: fpu sse2 {' '.join(names)}\n"


def test_x86_without_vnni_saturates_and_nothing_else_does():
    assert saturates_int8(flags("avx2"), "x86_64")
    assert saturates_int8(flags("avx512f"), "AMD64")
    assert not saturates_int8(flags("avx2", "avx_vnni"), "x86_64")
    assert not saturates_int8(flags("avx512_vnni"), "x86_64")
    assert not saturates_int8(flags("amx_int8"), "x86_64")
    assert not saturates_int8(flags("asimd"), "aarch64")


def test_an_x86_that_says_nothing_is_taken_to_saturate():
    assert saturates_int8("", "x86_64")


def test_a_trait_that_is_none_is_named():
    with pytest.raises(bench.BenchError, match="no trait of a machine is called 'colour'"):
        traits_of(["colour"])


@pytest.mark.parametrize("saturates", [True, False])
def test_the_processor_decides_unless_the_option_does(monkeypatch, saturates):
    monkeypatch.setattr(bench, "saturates_int8", lambda: saturates)
    assert Options("static").reduced is saturates
    assert Options("static", reduce_range=not saturates).reduced is not saturates
    assert not Options("static", bits=4).reduced
    assert not Options("fp16").reduced


@pytest.mark.parametrize("options", [{"mode": "fp16"}, {"mode": "static", "bits": 4}, {"mode": "weight-only"}])
def test_it_is_about_int8(options):
    with pytest.raises(bench.BenchError, match="reduce_range is about weights computed in int8"):
        Options(**options, reduce_range=True).check()


class Context:
    seed, device = 0, "cpu"

    def __init__(self, folder):
        self.workdir, self.facts = folder, {}

    def calibration(self, n):
        return {"x": np.random.default_rng(1).normal(size=(n, 3, 8, 8)).astype(np.float32)}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def net(path, keepdims=0):
    random = np.random.default_rng(0)
    weights = random.normal(0, 0.3, (64, 3, 3, 3)).astype(np.float32)
    tensors = {"w": weights, "b": np.ones(64, np.float32), "axes": np.array([2, 3])}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"], name="second"),
        helper.make_node("ReduceMean", ["r", "axes"], ["y"], name="third", keepdims=keepdims),
    ]
    stored = [numpy_helper.from_array(each, name) for name, each in tensors.items()]
    shape = ["n", 64, 1, 1] if keepdims else ["n", 64]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
    graph = helper.make_graph(
        nodes, "net", ends, [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], stored
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return bench.Artifact.of(path, "onnx")


def run(path, x):
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.mark.parametrize("mode", ["static", "dynamic"])
@pytest.mark.parametrize("reduced", [True, False])
def test_weights_keep_to_their_bits(tmp_path, mode, reduced):
    ctx = Context(tmp_path)
    path = bench_quantize.quantize_onnx(net(tmp_path / "net.onnx"), ctx, mode=mode, calibrate=8, reduce_range=reduced)
    tensors = {each.name: numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
    largest = max(int(np.abs(each.astype(int)).max()) for each in tensors.values() if each.ndim == 4)
    assert ctx.facts["reduce_range"] is reduced and ctx.facts["reduce_range_by"] == "option"
    if mode == "static":
        assert largest == (64 if reduced else 127)
    else:
        assert largest > 127  # unsigned weights of convolutions saturate nowhere, and keep 8 bits


def test_seven_bits_stay_close_to_the_float_model(tmp_path):
    ctx = Context(tmp_path)
    source = net(tmp_path / "net.onnx")
    path = bench_quantize.quantize_onnx(source, ctx, mode="static", calibrate=32, reduce_range=True)
    x = ctx.calibration(4)["x"]
    before, after = run(source.path, x), run(path, x)
    assert np.square(after - before).sum() < 2e-3 * np.square(before).sum()


@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_mean_over_an_image_is_pooling(tmp_path, keepdims):
    source = net(tmp_path / "net.onnx", keepdims)
    model = onnx.load(source.path)
    pool_means(model)
    assert [node.op_type for node in model.graph.node][2:] == ["GlobalAveragePool", "Flatten"][: 2 - keepdims]
    onnx.save(model, tmp_path / "pooled.onnx")
    x = Context(tmp_path).calibration(3)["x"]
    np.testing.assert_allclose(run(tmp_path / "pooled.onnx", x), run(source.path, x), rtol=1e-5, atol=1e-6)


def test_a_mean_over_anything_else_stays(tmp_path):
    model = onnx.load(net(tmp_path / "net.onnx").path)
    axes = next(each for each in model.graph.initializer if each.name == "axes")
    axes.CopyFrom(numpy_helper.from_array(np.array([1, 2]), "axes"))
    pool_means(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "ReduceMean"]


def test_slim_files_compute_the_same_and_keep_the_models_names(tmp_path, monkeypatch):
    from bench_quantize import onnx_int8

    source, options = net(tmp_path / "net.onnx"), {"mode": "static", "calibrate": 16}
    slimmed = bench_quantize.quantize_onnx(source, Context(tmp_path), **options).rename(tmp_path / "slim.onnx")
    monkeypatch.setattr(onnx_int8, "slim", lambda model, shapes: None)
    whole = bench_quantize.quantize_onnx(source, Context(tmp_path), **options)
    x = Context(tmp_path).calibration(5)["x"]
    np.testing.assert_array_equal(run(slimmed, x), run(whole, x))
    assert slimmed.stat().st_size < 0.8 * whole.stat().st_size
    graph = onnx.load(slimmed).graph
    assert {"w", "b"} <= {each.name for each in graph.initializer}
    assert {"first", "second"} & {node.name for node in graph.node}


def test_slimming_twice_changes_nothing_more(tmp_path):
    path = bench_quantize.quantize_onnx(net(tmp_path / "net.onnx"), Context(tmp_path), mode="static", calibrate=8)
    model = onnx.load(path)
    before = run(path, Context(tmp_path).calibration(2)["x"])
    slim(model, shapes=False)
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "again.onnx")
    np.testing.assert_array_equal(run(tmp_path / "again.onnx", Context(tmp_path).calibration(2)["x"]), before)
