"""From ONNX files to SavedModels by onnx2tf, which pins an older TensorFlow: `tox -e onnx2tf` has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import bench_tensorflow as plugin
import numpy as np
import pytest

import bench

OFFERS = {each.name: each for each in bench.offers_of(plugin)}
real = pytest.mark.skipif(
    importlib.util.find_spec("onnx2tf") is None, reason="onnx2tf is not installed here: tox -e onnx2tf"
)
# What the library's own modules warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


class Context:
    """What a converter is given: a folder, a place for facts."""

    def __init__(self, workdir):
        self.workdir, self.facts = workdir, {}

    def note(self, **facts):
        self.facts.update(facts)


@pytest.fixture
def context(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return Context(folder)


def convolutional(path: Path, batch="batch", quantised=False, channels=2):
    """Write a net of two inputs: images with channels first, which are convolved, and numbers that are added."""
    from onnx import TensorProto, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((4, channels, 3, 3)).astype(np.float32),
        "m": rng.standard_normal((4, 3)).astype(np.float32),
        "s": np.float32(0.1),
        "z": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
    ]
    nodes = [
        *(nodes if quantised else []),
        helper.make_node("Conv", ["d" if quantised else "image", "w"], ["c"], strides=[2, 1], pads=[1, 0, 0, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["p"]),
        helper.make_node("Add", ["p", "more"], ["class/scores"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (batch, channels, 7, 9))
    more = helper.make_tensor_value_info("more", TensorProto.FLOAT, (batch, 3))
    scores = helper.make_tensor_value_info("class/scores", TensorProto.FLOAT, (batch, 3))
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", [image, more], [scores], stored)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return bench.Artifact.of(path, "onnx")


def given(batch, channels=2):
    rng = np.random.default_rng(batch)
    return {
        "image": rng.standard_normal((batch, channels, 7, 9)).astype(np.float32),
        "more": rng.standard_normal((batch, 3)).astype(np.float32),
    }


def test_it_has_an_environment_of_its_own():
    offer = OFFERS["onnx2tf"]
    assert (offer.accepts, offer.produces) == (("onnx",), ("savedmodel",))
    assert offer.environment == ("onnx2tf==1.29.24",)
    assert offer.environment != OFFERS["tensorflow"].environment


@real
@pytest.mark.parametrize(("batch", "channels"), [("batch", 2), (2, 3)])
def test_outputs_names_and_axes_are_those_of_the_file(context, tmp_path, batch, channels):
    import onnxruntime

    file = convolutional(tmp_path / "model.onnx", batch, channels=channels)
    before = file.path.read_bytes()
    made = bench.Artifact.of(plugin.onnx_savedmodel(file, context), "savedmodel")
    assert file.path.read_bytes() == before, "the library writes into what it is given"
    session = plugin.TensorFlowBackend().open(made, device="cpu", threads=1)
    reference = onnxruntime.InferenceSession(file.path)
    for rows in (1, 4) if batch == "batch" else (batch,):
        inputs = given(rows, channels)
        (want,) = reference.run(None, inputs)
        found = session.run(inputs)
        assert set(found) == {"class/scores"}
        np.testing.assert_allclose(found["class/scores"], want, atol=1e-5)
    assert context.facts["converter"].startswith("onnx2tf 1.29.24, tensorflow 2.")


@real
def test_quantised_files_and_operators_unheard_of_are_unsupported(context, tmp_path):
    from onnx import TensorProto, helper, save

    with pytest.raises(bench.Unsupported, match=r"no quantised ONNX file \(DequantizeLinear, QuantizeLinear\)"):
        plugin.onnx_savedmodel(convolutional(tmp_path / "q.onnx", quantised=True), context)
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", 2)) for name in "xy"]
    node = helper.make_node("NoSuchOperator", ["x"], ["y"], domain="nobody")
    save(helper.make_model(helper.make_graph([node], "g", value[:1], value[1:])), tmp_path / "odd.onnx")
    with pytest.raises(bench.Unsupported, match="onnx2tf cannot convert the model"):
        plugin.onnx_savedmodel(bench.Artifact.of(tmp_path / "odd.onnx", "onnx"), context)
