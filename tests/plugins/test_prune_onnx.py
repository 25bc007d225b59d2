"""Pruning of ONNX files."""

import bench_prune
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import bench


class Context:
    seed, device = 0, "cpu"

    def __init__(self, folder):
        self.workdir, self.facts = folder, {}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def write(path, *, dtype=np.float32, first="Gather"):
    """An embedding, a matrix product with a wide bias, and a constant that is no weight."""
    random = np.random.default_rng(0)
    tensors = {
        "table": random.normal(size=(20, 8)),
        "weight": random.normal(size=(8, 4)),
        "bias": random.normal(size=(1, 4)),
    }
    nodes = [
        helper.make_node(first, ["table", "ids"], ["vectors"]),
        helper.make_node("MatMul", ["vectors", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["output"]),
    ]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("output", kind, ["n", 4])],
        [numpy_helper.from_array(each.astype(dtype), name) for name, each in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return bench.Artifact.of(path, "onnx")


@pytest.fixture
def folders(tmp_path):
    source, work = tmp_path / "source", tmp_path / "work"
    source.mkdir()
    work.mkdir()
    return source, work


def tensors(path):
    return {each.name: numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_sparsity_is_exact_over_weights_and_only_over_them(folders, dtype):
    source, work = folders
    artifact = write(source / "net.onnx", dtype=dtype)
    ctx = Context(work)
    path = bench_prune.prune_onnx(artifact, ctx, sparsity=0.75)
    before, after = tensors(artifact.path), tensors(path)
    assert path.parent == work
    assert sum((after[name] == 0).sum() for name in ("table", "weight")) == round(0.75 * (160 + 32))
    assert np.array_equal(before["bias"], after["bias"])
    assert all(np.array_equal(after[name][after[name] != 0], before[name][after[name] != 0]) for name in after)
    assert ctx.facts["sparsity"] == 0.75
    assert bench.Artifact.of(artifact.path, "onnx").digest == artifact.digest


def test_the_pruned_file_runs_and_repeats(folders):
    source, work = folders
    artifact = write(source / "net.onnx")
    path = bench_prune.prune_onnx(artifact, Context(work), threshold=1.0)
    after = tensors(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    output = session.run(None, {"ids": np.array([3, 5])})[0]
    assert np.allclose(output, after["table"][[3, 5]] @ after["weight"] + after["bias"], atol=1e-6)
    assert np.array_equal(after["weight"], np.where(abs(after["weight"]) > 1, after["weight"], 0))
    digest = bench.Artifact.of(path, "onnx").digest
    assert bench.Artifact.of(bench_prune.prune_onnx(artifact, Context(work), threshold=1.0), "onnx").digest == digest


def test_layer_scope(folders):
    source, work = folders
    after = tensors(bench_prune.prune_onnx(write(source / "net.onnx"), Context(work), sparsity=0.5, scope="layer"))
    assert (after["table"] == 0).sum() == 80
    assert (after["weight"] == 0).sum() == 16


@pytest.mark.parametrize(
    ("options", "message"), [({"structured": "channels"}, "channels"), ({"finetune": 1}, "trained")]
)
def test_what_a_file_cannot_do_is_unsupported(folders, options, message):
    source, work = folders
    with pytest.raises(bench.Unsupported, match=message) as caught:
        bench_prune.prune_onnx(write(source / "net.onnx"), Context(work), **options)
    assert "torch module" in str(caught.value)


def test_quantised_weights_are_unsupported(folders):
    source, work = folders
    artifact = write(source / "net.onnx")
    proto = onnx.load(artifact.path)
    proto.graph.node.append(helper.make_node("DequantizeLinear", ["a", "b", "c"], ["d"]))
    onnx.save(proto, artifact.path)
    with pytest.raises(bench.Unsupported, match="quantised weights") as caught:
        bench_prune.prune_onnx(artifact, Context(work))
    assert "before quantize" in str(caught.value)
