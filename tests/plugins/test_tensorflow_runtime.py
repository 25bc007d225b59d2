"""TensorFlow itself: outputs, files, pruning, clusters, int8. Runs where it is installed (`tox -e tensorflow`)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import bench_tensorflow as plugin
import numpy as np
import pytest

import bench

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("tensorflow is not installed here: tox -e tensorflow", allow_module_level=True)

from bench_tensorflow.digits import Digits
from bench_tensorflow.runtime import seeded, tf

pytestmark = [
    # What the library's own modules warn of when they are imported and used is not ours to mend.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
]
TOLERANCE = 1e-5
EXAMPLES = 512
PRUNING = {"schedule": "polynomial", "initial_sparsity": 0.5, "sparsity": 0.8, "finetune": 2.0, "examples": EXAMPLES}


class Context:
    """What a step is given: data of a task, a folder, a place for facts."""

    seed, device = 0, "cpu"

    def __init__(self, task, workdir):
        self.task, self.workdir, self.facts, self.samples = task, workdir, {}, 0

    def calibration(self, n):
        return self.task.inputs("calibration", n)

    def labelled(self, n):
        return self.task.labelled(n)

    def train(self, work, *, samples=None):
        self.samples += samples
        return work()

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


@pytest.fixture(scope="module")
def digits():
    return Digits()


@pytest.fixture(scope="module")
def reference(digits, tmp_path_factory):
    """The task's own model: made once, in half a minute of one thread."""
    return bench.Artifact.of(digits.artifact("keras", tmp_path_factory.mktemp("reference")), "keras")


@pytest.fixture
def context(digits, tmp_path):
    return Context(digits, tmp_path)


def answers(artifact, digits, n=256):
    session = plugin.TensorFlowBackend().open(artifact, device="cpu", threads=1)
    return session.run(digits.inputs("evaluation", n))["output"]


def accuracy(artifact, digits):
    return digits.score({"output": answers(artifact, digits, None)}).value


def lite(path, x):
    """Return what TensorFlow's own interpreter of .tflite files answers, and the types of the tensors."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["x"], "outputs": ["output"]}}
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, x)
    interpreter.invoke()
    types = {np.dtype(each["dtype"]).name for each in interpreter.get_tensor_details()}
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), types


def kernels(artifact):
    model = tf.keras.models.load_model(str(artifact.path), compile=False)
    return {each.name: each.kernel.numpy() for each in model.layers if hasattr(each, "kernel")}


def test_the_reference_is_in_its_band_and_its_file_holds_no_optimiser(digits, reference):
    assert 0.95 <= accuracy(reference, digits) <= 0.98
    assert reference.size_bytes < 1.2 * 4 * 105_866


def test_facts_say_what_runs(digits, reference):
    session = plugin.TensorFlowBackend().open(reference, device="cpu", threads=1)
    facts = session.facts()
    assert (facts["threads"], facts["inter_op_threads"], facts["kind"]) == (1, 1, "keras")
    assert facts["parameters"] == 105_866
    assert facts["operators"]["Conv2D"] == 2
    call = session.bind(digits.example(3, 0))
    np.testing.assert_allclose(call()[0], session.run(digits.example(3, 0))["output"], atol=TOLERANCE)


def test_compiled_by_xla_it_computes_the_same(digits, reference):
    session = plugin.TensorFlowBackend(jit=True).open(reference, device="cpu", threads=1)
    found = session.run(digits.inputs("evaluation", 8))["output"]
    np.testing.assert_allclose(found, answers(reference, digits, 8), atol=1e-4)
    assert session.facts()["xla"]


def test_every_file_computes_what_the_model_computes(digits, reference, context):
    wanted = answers(reference, digits)
    saved = bench.Artifact.of(plugin.keras_savedmodel(reference, context), "savedmodel")
    np.testing.assert_allclose(answers(saved, digits), wanted, atol=TOLERANCE)
    for source in (reference, saved):
        found, types = lite(plugin.keras_tflite(source, context), digits.inputs("evaluation", 256)["x"])
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        assert "int8" not in types


def test_h5_files_and_those_of_keras_3_open_too(digits, context, tmp_path):
    import keras

    layers = [keras.Input((1, 28, 28), name="x"), keras.layers.Flatten(), keras.layers.Dense(10, name="output")]
    seeded(0)
    model = keras.Sequential(layers)
    x = digits.inputs("evaluation", 16)
    for suffix in ("keras", "h5"):
        model.save(tmp_path / f"three.{suffix}")
        artifact = bench.Artifact.of(tmp_path / f"three.{suffix}", "keras")
        session = plugin.TensorFlowBackend().open(artifact, device="cpu", threads=1)
        (found,) = session.run(x).values()
        np.testing.assert_allclose(found, model.predict(x["x"], verbose=0), atol=TOLERANCE)
    own = plugin.own_keras(str(tmp_path / "three.keras"))
    assert own.inputs("evaluation")["x"].shape == (64, 1, 28, 28)
    assert plugin.quantize_to_tflite(artifact, context, mode="static", calibrate=8).stat().st_size < 20_000
    with pytest.raises(bench.Unsupported, match="works on Keras 2 models; this one is of Keras 3"):
        plugin.prune_keras(artifact, context)


@pytest.mark.parametrize(
    "options", [{"sparsity": 0.5}, {"sparsity": 0.7, "finetune": 0.5, "examples": EXAMPLES}, PRUNING]
)
def test_the_sparsity_asked_for_is_reached_in_every_layer(reference, context, options):
    pruned = bench.Artifact.of(plugin.prune_keras(reference, context, **options), "keras")
    for name, kernel in kernels(pruned).items():
        assert (kernel == 0).mean() == pytest.approx(options["sparsity"], abs=0.01), name
    assert context.facts["sparsity"] == pytest.approx(options["sparsity"], abs=0.01)
    assert context.samples == options.get("finetune", 0) * options.get("examples", 0)
    before = kernels(reference)
    assert set(before) == set(kernels(pruned)), "stripped: the layers are the model's own again"


def test_clusters_are_few_and_keep_zeros(digits, reference, context):
    pruned = bench.Artifact.of(plugin.prune_keras(reference, context, sparsity=0.5), "keras")
    path = plugin.cluster_keras(pruned, context, clusters=16, finetune=1, examples=EXAMPLES)
    clustered = bench.Artifact.of(path, "keras")
    for kernel in kernels(clustered).values():
        assert len(np.unique(kernel)) <= 16
        assert (kernel == 0).mean() >= 0.49
    assert accuracy(clustered, digits) > 0.85


@pytest.mark.parametrize(
    ("options", "share", "holds"),
    [
        ({"mode": "dynamic"}, 0.3, "int8"),
        ({"mode": "static", "calibrate": 64}, 0.3, "int8"),
        ({"mode": "static", "calibrate": 64, "activation_bits": 16}, 0.3, "int16"),
        ({"mode": "fp16"}, 0.55, "float16"),
        ({"mode": "qat", "epochs": 0.5, "examples": EXAMPLES}, 0.3, "int8"),
    ],
)
def test_quantised_files_are_smaller_and_right(digits, reference, context, options, share, holds):
    path = Path(plugin.quantize_to_tflite(reference, context, **options))
    assert path.stat().st_size < share * 4 * 105_866
    found, types = lite(path, digits.inputs("evaluation")["x"])
    assert holds in types
    assert digits.score({"output": found}).value > 0.93


def test_steps_are_the_same_twice(reference, digits, tmp_path):
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found.append(plugin.prune_keras(reference, Context(digits, tmp_path / name), **PRUNING))
    first, second = (kernels(bench.Artifact.of(path, "keras")) for path in found)
    for name, kernel in first.items():
        np.testing.assert_array_equal(kernel, second[name])


def test_counts_are_those_worked_out_by_hand_and_the_same_for_both_formats(context, tmp_path):
    seeded(0)
    layers = tf.keras.layers
    image = layers.Input((8, 8, 2), name="image")
    hidden = layers.Conv2D(4, 3, padding="same", use_bias=False, name="a")(image)  # 72 weights, 64 places
    hidden = layers.BatchNormalization(name="b")(hidden)  # 8 weights; its statistics do not count
    hidden = layers.DepthwiseConv2D(3, strides=2, name="c")(hidden)  # 36 weights and 4 biases, 9 places
    hidden = layers.GlobalAveragePooling2D()(layers.ReLU()(hidden))
    net = tf.keras.Model(image, layers.Dense(3, name="d")(hidden))  # 12 weights and 3 biases
    first = net.get_layer("a").get_weights()[0]
    first[:, :, 1] = 0
    net.get_layer("a").set_weights([first])
    net.get_layer("c").set_weights([net.get_layer("c").get_weights()[0], np.ones(4)])
    net.get_layer("d").set_weights([net.get_layer("d").get_weights()[0], np.ones(3)])
    net.get_layer("b").set_weights([np.full(4, 2.0), np.ones(4), np.ones(4), np.ones(4)])
    net.save(tmp_path / "net.keras")
    file = bench.Artifact.of(tmp_path / "net.keras", "keras")
    for each in (file, bench.Artifact.of(plugin.keras_savedmodel(file, context), "savedmodel")):
        assert plugin.parameters(each).value == 72 + 8 + 40 + 15
        assert plugin.nonzero(each).value == 36 + 8 + 40 + 15
        assert plugin.flops(each).value == 2 * (64 * 72 + 9 * 36 + 12)
        assert plugin.flops(each).facts["effective"] == 2 * (64 * 36 + 9 * 36 + 12)
        assert plugin.bitops(each).value == plugin.flops(each).value / 2 * 32 * 32
        assert plugin.size_encoded(each).value <= each.size_bytes
