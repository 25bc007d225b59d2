"""Quantisation of ONNX files: real int8 operators, calibrated on the examples given, close to the float model."""

import bench_quantize
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import bench


class Context:
    """A context without a harness, which remembers how many calibration examples were asked for."""

    seed, device = 0, "cpu"

    def __init__(self, folder, inputs):
        self.workdir, self.inputs, self.facts, self.asked = folder, inputs, {}, []

    def calibration(self, n):
        self.asked.append(n)
        return {name: each[:n] for name, each in self.inputs.items()}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def save(path, nodes, inputs, output, tensors):
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, output)]
    stored = [numpy_helper.from_array(each, name) for name, each in tensors.items()]
    graph = helper.make_graph(nodes, "net", infos, outputs, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return bench.Artifact.of(path, "onnx")


def conv_net(path):
    """Two convolutions and a Gemm whose bias has the shape [1, n] that some exporters write."""
    random = np.random.default_rng(0)
    shapes = {"c1": (16, 1, 3, 3), "c2": (64, 16, 3, 3), "w": (64, 10), "b": (1, 10)}
    tensors = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors["w"] *= np.logspace(-2, 0, 10, dtype=np.float32)  # channels of very different range
    nodes = [
        helper.make_node("Conv", ["image", "c1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "c2"], ["d"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["output"]),
    ]
    return save(path, nodes, {"image": (TensorProto.FLOAT, ["n", 1, 8, 8])}, ["n", 10], tensors)


def attention_net(path):
    """Embedded ids, one attention layer with a -inf mask, a residual sum; both inputs are integers."""
    random = np.random.default_rng(1)
    tensors = {name: random.normal(0, 0.2, (64, 64)).astype(np.float32) for name in ("wq", "wk", "wv", "wo")}
    tensors["table"] = random.normal(0, 1, (100, 64)).astype(np.float32)
    tensors["minus"], tensors["zero"] = np.float32(-np.inf), np.float32(0)
    tensors["root"], tensors["axis"] = np.float32(0.125), np.array([1])
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        *(helper.make_node("MatMul", ["x", f"w{each}"], [each], name=f"to_{each}") for each in "qkv"),
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["raw"], name="scores"),
        helper.make_node("Mul", ["raw", "root"], ["scaled"]),
        helper.make_node("Cast", ["mask"], ["bool"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["bool", "axis"], ["row"]),
        helper.make_node("Where", ["row", "zero", "minus"], ["bias"]),
        helper.make_node("Add", ["scaled", "bias"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["p"]),
        helper.make_node("MatMul", ["p", "v"], ["mixed"], name="mix"),
        helper.make_node("MatMul", ["mixed", "wo"], ["o"], name="out"),
        helper.make_node("Add", ["x", "o"], ["output"]),
    ]
    inputs = {"ids": (TensorProto.INT64, ["n", 12]), "mask": (TensorProto.INT64, ["n", 12])}
    return save(path, nodes, inputs, ["n", 12, 64], tensors)


NETS = {"conv": conv_net, "attention": attention_net}


def inputs_of(name, count=40):
    random = np.random.default_rng(2)
    if name == "conv":
        return {"image": random.normal(size=(count, 1, 8, 8)).astype(np.float32)}
    mask = (np.arange(12) < random.integers(4, 13, (count, 1))).astype(np.int64)
    return {"ids": random.integers(0, 100, (count, 12)), "mask": mask}


@pytest.fixture
def nets(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    artifacts = {name: make(tmp_path / f"{name}.onnx") for name, make in NETS.items()}
    return artifacts, lambda name: Context(work, inputs_of(name))


def run(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, inputs)[0]


def cosine(a, b):
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def graph_of(path):
    return onnx.load(path).graph


def stored(path):
    return {each.name: numpy_helper.to_array(each) for each in graph_of(path).initializer}


MODES = [
    ({}, 0.4),
    ({"per_channel": False}, 0.4),
    ({"mode": "static", "calibrate": 32}, 0.5),
    ({"mode": "static", "calibrate": 32, "method": "percentile"}, 0.5),
    ({"mode": "static", "calibrate": 32, "method": "entropy"}, 0.5),
    ({"mode": "static", "calibrate": 32, "per_channel": False, "symmetric": True}, 0.5),
    ({"mode": "fp16"}, 0.6),
]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("options", "ratio"), MODES)
def test_the_file_shrinks_and_stays_close_to_the_float_model(nets, name, options, ratio):
    artifacts, context = nets
    artifact, ctx, inputs = artifacts[name], context(name), inputs_of(name, 5)
    path = bench_quantize.quantize_onnx(artifact, ctx, **options)
    assert path.parent == ctx.workdir
    assert path.stat().st_size < ratio * artifact.size_bytes
    expected, output = run(artifact.path, inputs), run(path, inputs)
    assert output.dtype == np.float32
    assert output.shape == expected.shape
    assert cosine(output, expected) > 0.99
    assert not np.array_equal(output, expected)
    assert [each.name for each in graph_of(path).input] == [each.name for each in graph_of(artifact.path).input]
    assert graph_of(path).output[0].name == "output"
    assert ctx.facts["mode"] == options.get("mode", "dynamic")
    assert bench.Artifact.of(artifact.path, "onnx").digest == artifact.digest


@pytest.mark.parametrize("options", [{}, {"mode": "static", "calibrate": 8}, {"mode": "fp16"}])
def test_the_same_input_gives_the_same_bytes(nets, options):
    artifacts, context = nets
    first, second = (
        bench.Artifact.of(bench_quantize.quantize_onnx(artifacts["conv"], context("conv"), **options), "onnx").digest
        for _ in range(2)
    )
    assert first == second


def test_dynamic_uses_integer_kernels_with_the_weight_types_they_are_fast_with(nets):
    artifacts, context = nets
    ctx = context("conv")
    path = bench_quantize.quantize_onnx(artifacts["conv"], ctx)
    integer = [node for node in graph_of(path).node if "Integer" in node.op_type]
    kinds = {node.op_type: stored(path)[node.input[1]].dtype for node in integer}
    assert kinds == {"ConvInteger": np.uint8, "MatMulInteger": np.int8}
    assert ctx.facts["layers"] == 3
    assert ctx.asked == []


def test_dynamic_stores_embeddings_as_int8(nets):
    artifacts, context = nets
    path = bench_quantize.quantize_onnx(artifacts["attention"], context("attention"))
    assert all(each.dtype != np.float32 or each.size < 100 for each in stored(path).values())


def test_static_calibrates_on_exactly_the_examples_it_was_given(nets):
    """The input's scale follows from the smallest and largest value among the first n, and from nothing else."""
    artifacts, context = nets
    ctx = context("conv")
    images = ctx.inputs["image"]
    images[35, 0, 0, 0], images[20, 0, 0, 0], images[2, 0, 0, 0] = 99.0, 7.0, -6.0
    path = bench_quantize.quantize_onnx(artifacts["conv"], ctx, mode="static", calibrate=30)
    node = next(each for each in graph_of(path).node if each.op_type == "QuantizeLinear" and each.input[0] == "image")
    assert ctx.asked == [30]
    assert ctx.facts["calibrated"] == 30
    assert stored(path)[node.input[1]] == pytest.approx(13.0 / 255)
    assert stored(path)[node.input[2]] == round(6.0 / (13.0 / 255))


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_other_methods_are_not_ruled_by_one_outlier(nets, method):
    artifacts, context = nets
    ctx = context("conv")
    ctx.inputs = inputs_of("conv", 400)
    ctx.inputs["image"][3, 0, 0, 0] = 300.0
    path = bench_quantize.quantize_onnx(artifacts["conv"], ctx, mode="static", calibrate=400, method=method)
    node = next(each for each in graph_of(path).node if each.op_type == "QuantizeLinear" and each.input[0] == "image")
    assert stored(path)[node.input[1]] < 200.0 / 255


def test_per_channel_gives_every_output_channel_its_scale(nets):
    artifacts, context = nets
    sizes = {}
    for per_channel in (True, False):
        ctx = context("conv")
        path = bench_quantize.quantize_onnx(artifacts["conv"], ctx, mode="static", calibrate=8, per_channel=per_channel)
        (reader,) = [node for node in graph_of(path).node if node.input[0] == "c2"]
        sizes[per_channel] = [stored(path)[reader.input[1]].size]
    assert sizes == {True: [64], False: [1]}


def test_beside_attention_only_weights_are_quantised(nets):
    artifacts, context = nets
    path = bench_quantize.quantize_onnx(artifacts["attention"], context("attention"), mode="static", calibrate=8)
    nodes = graph_of(path).node
    made = {output: node.op_type for node in nodes for output in node.output}
    sources = {node.name or node.op_type: [made.get(each) for each in node.input] for node in nodes}
    for name in ("to_q", "to_k", "to_v", "out"):
        assert sources[name] == ["DequantizeLinear"] * 2
    assert sources["Softmax"] == ["Add"]
    assert sources["mix"][0] == "Softmax"
    assert sources["Mul"][0] == "MatMul"


@pytest.mark.parametrize(("extra", "source"), [(None, "DequantizeLinear"), ("Sqrt", "Relu")])
def test_int8_is_carried_between_layers_unless_something_normalises_at_run_time(nets, extra, source):
    artifacts, context = nets
    artifact = artifacts["conv"]
    if extra:
        proto = onnx.load(artifact.path)
        proto.graph.node.append(helper.make_node(extra, ["p"], ["root"]))
        proto.graph.output.append(helper.make_tensor_value_info("root", TensorProto.FLOAT, ["n", 64, 1, 1]))
        onnx.save(proto, artifact.path)
    path = bench_quantize.quantize_onnx(artifact, context("conv"), mode="static", calibrate=8)
    made = {output: node.op_type for node in graph_of(path).node for output in node.output}
    (pool,) = (node for node in graph_of(path).node if node.op_type == "GlobalAveragePool")
    assert made[pool.input[0]] == source


@pytest.mark.parametrize(
    ("options", "message", "cure"),
    [
        ({"mode": "bf16"}, "bfloat16", "mode: fp16"),
        ({"symmetric": True}, "asymmetric", "mode: static"),
    ],
)
def test_what_cannot_be_done_says_what_to_use(nets, options, message, cure):
    artifacts, context = nets
    with pytest.raises(bench.Unsupported, match=message) as caught:
        bench_quantize.quantize_onnx(artifacts["conv"], context("conv"), **options)
    assert cure in str(caught.value)


def test_infinite_activations_are_unsupported_by_histograms(nets):
    artifacts, context = nets
    ctx = context("conv")
    ctx.inputs["image"][0] = np.inf
    with pytest.raises(bench.Unsupported, match="calibration") as caught:
        bench_quantize.quantize_onnx(artifacts["conv"], ctx, mode="static", method="percentile")
    assert "minmax" in str(caught.value)


def test_a_file_is_quantised_only_once(nets):
    artifacts, context = nets
    ctx = context("conv")
    once = bench.Artifact.of(bench_quantize.quantize_onnx(artifacts["conv"], ctx), "onnx")
    with pytest.raises(bench.Unsupported, match="already"):
        bench_quantize.quantize_onnx(once, ctx, mode="static")


def test_a_file_without_weights_is_unsupported(tmp_path):
    nodes = [helper.make_node("Relu", ["image"], ["output"])]
    artifact = save(tmp_path / "relu.onnx", nodes, {"image": (TensorProto.FLOAT, ["n", 2])}, ["n", 2], {})
    with pytest.raises(bench.Unsupported, match="no node"):
        bench_quantize.quantize_onnx(artifact, Context(tmp_path, {}))


def test_the_offers_share_names_and_what_trains_needs_a_module():
    offers = bench.offers_of(vars(bench_quantize))
    found = {(each.name, *each.accepts, *each.produces): each for each in offers}
    module, file, at_once = ("module", "torch-quantized"), ("onnx", "onnx"), ("module", "onnx")
    assert set(found) == {(name, *formats) for name in ("quantize", "codebook") for formats in (module, file, at_once)}
    for name in ("quantize", "codebook"):
        plain = tuple(each for each in found[name, *file].options if each.name != "toolkit")  # files have several
        assert found[name, *module].options == found[name, *at_once].options
        assert found[name, *module].options[: len(plain)] == plain
        assert {each.name for each in found[name, *module].options[len(plain) :]} == {"epochs", "learning_rate"}
        assert all(option.help for option in found[name, *module].options)
    assert found["quantize", *file].option("bits").bounds.breach(1) == "at least 2"
    assert found["quantize", *file].option("calibrate").bounds.breach(0) == "at least 1"
