"""What the TensorFlow plugin promises, against a stub of the library: these run everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import bench_tensorflow
import numpy as np
import pytest
from bench_tensorflow.options import BATCH, Pruning, Quantisation, Training
from hypothesis import given
from hypothesis import strategies as st

import bench

OFFERS = bench.offers_of(bench_tensorflow)


class Tensor:
    """What the library calls a tensor: numpy() gives the values."""

    def __init__(self, value):
        self.value = np.asarray(value)

    def numpy(self):
        return self.value


class Shape(tuple):
    def is_compatible_with(self, other):
        return len(self) == len(other) and all(a is None or a == b for a, b in zip(self, other, strict=True))


class Spec:
    def __init__(self, shape, dtype):
        self.shape, self.dtype = Shape(shape), types.SimpleNamespace(as_numpy_dtype=np.dtype(dtype).type)


class Threading:
    """Takes numbers until something ran, as the library does."""

    def __init__(self):
        self.intra, self.inter, self.ran = 0, 0, False

    def get_intra_op_parallelism_threads(self):
        return self.intra

    def get_inter_op_parallelism_threads(self):
        return self.inter

    def set_intra_op_parallelism_threads(self, n):
        self._set("intra", n)

    def set_inter_op_parallelism_threads(self, n):
        self._set("inter", n)

    def _set(self, name, n):
        if self.ran:
            raise RuntimeError("cannot be modified after initialization")
        setattr(self, name, n)


class Signature:
    """Doubles its input "x"; counts its calls."""

    structured_input_signature = ((), {"x": Spec([None, 2], np.float32), "ids": Spec([None], np.int32)})
    variables = (np.zeros((2, 3)),)

    def __init__(self):
        self.calls = 0
        graph = types.SimpleNamespace(
            node=[types.SimpleNamespace(op="Mul")], library=types.SimpleNamespace(function=[])
        )
        self.graph = types.SimpleNamespace(as_graph_def=lambda: graph)

    def __call__(self, x, ids):
        self.calls += 1
        return {"output": Tensor(x.numpy() * 2)}


class Converter:
    """Keeps what it was set to; refuses when it is told to."""

    made: ClassVar[list[Any]] = []
    refuses: str | None = None

    def __init__(self):
        self.optimizations, self.representative_dataset = [], None
        self.target_spec = types.SimpleNamespace(supported_types=[], supported_ops=[])

    @classmethod
    def from_concrete_functions(cls, functions, trackable):
        cls.made.append(cls())
        return cls.made[-1]

    def convert(self):
        if self.refuses:
            raise ValueError(self.refuses)
        return b"TFL3"


@pytest.fixture
def library(monkeypatch):
    """A stub of tensorflow; the plugin's modules that took it go again."""
    stub: Any = types.ModuleType("tensorflow")
    stub.__version__ = "2.21.0"
    stub.constant, stub.float16 = Tensor, "float16"
    stub.Module = type("Module", (), {})
    stub.config = types.SimpleNamespace(
        threading=Threading(),
        set_visible_devices=lambda devices, kind: None,
        experimental=types.SimpleNamespace(enable_op_determinism=lambda: None),
    )
    stub.errors = types.SimpleNamespace(OpError=type("OpError", (Exception,), {}))
    stub.keras = types.SimpleNamespace(utils=types.SimpleNamespace(set_random_seed=lambda seed: None))
    stub.signature = Signature()
    stub.saved_model = types.SimpleNamespace(
        load=lambda folder: types.SimpleNamespace(signatures={"serving_default": stub.signature})
    )
    stub.function = lambda function, jit_compile=None: types.SimpleNamespace(
        get_concrete_function=lambda **specs: stub.signature
    )
    monkeypatch.setattr(Converter, "made", [])
    stub.lite = types.SimpleNamespace(
        TFLiteConverter=Converter,
        Optimize=types.SimpleNamespace(DEFAULT="default", EXPERIMENTAL_SPARSITY="sparse"),
        OpsSet=types.SimpleNamespace(
            TFLITE_BUILTINS_INT8="int8", EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8="int16x8"
        ),
    )
    _forget()
    monkeypatch.setitem(sys.modules, "tensorflow", stub)
    yield stub
    _forget()


def _forget():
    """Let go of the plugin's modules that took a tensorflow, real or not: from the table and from the package."""
    for name in [each for each in sys.modules if each.startswith("bench_tensorflow.")]:
        short = name.partition(".")[2]
        if short not in ("options", "digits"):
            del sys.modules[name]
            vars(bench_tensorflow).pop(short, None)


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "savedmodel"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"stub")
    return bench.Artifact.of(folder, "savedmodel")


class Context:
    seed, device = 0, "cpu"

    def __init__(self, workdir):
        self.workdir, self.facts, self.lines = workdir, {}, []

    def calibration(self, n):
        return {"x": np.arange(n * 2, dtype=np.float32).reshape(n, 2)}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        self.lines.append(message)


def opened(saved, threads=1, device="cpu"):
    return bench_tensorflow.TensorFlowBackend().open(saved, device=device, threads=threads)


FEED = {"x": np.ones((3, 2), np.float64), "ids": np.arange(3)}


def test_declaring_imports_no_framework():
    code = (
        "import sys, bench, bench_tensorflow; bench.offers_of(bench_tensorflow);"
        "print({'tensorflow', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_offer_shares_one_environment_but_the_converter_from_onnx():
    ours = [each for each in OFFERS if each.name != "onnx2tf"]
    assert {each.environment for each in ours} == {bench_tensorflow.WHERE["environment"]}
    assert {each.extra for each in ours} == {"tensorflow"}


def test_recipes_are_named_as_those_of_other_runtimes():
    bench_prune, bench_quantize = pytest.importorskip("bench_prune"), pytest.importorskip("bench_quantize")
    known = {}
    for each in (*bench.offers_of(bench_prune, "compressor"), *bench.offers_of(bench_quantize, "compressor")):
        known.setdefault(each.name, set()).update(option.name for option in each.options)
    own = {each.name: {option.name for option in each.options} for each in OFFERS if each.kind == "compressor"}
    assert own["prune"] <= known["prune"]
    assert own["quantize"] - known["quantize"] == {"activation_bits", "sparse", "examples"}


def test_keras_2_is_chosen_before_the_library_is_imported(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import os\nSEEN = os.environ.get('TF_USE_LEGACY_KERAS')\n")
    code = "from bench_tensorflow.runtime import tf; print(tf.SEEN)"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "1\n"


def test_threads_are_set_before_the_first_operation_and_never_changed_silently(library, saved):
    session = opened(saved, threads=2)
    assert (library.config.threading.intra, library.config.threading.inter) == (2, 1)
    assert session.facts()["threads"] == 2
    library.config.threading.ran = True
    opened(saved, threads=2)
    with pytest.raises(bench.BenchError, match="has 2 threads since its first operation in this process"):
        opened(saved, threads=1)


def test_a_session_runs_by_names_and_every_call_computes(library, saved):
    session = opened(saved)
    np.testing.assert_array_equal(session.run(FEED)["output"], np.full((3, 2), 2.0))
    assert session.run(FEED)["output"].dtype == np.float32
    call, before = session.bind(FEED), library.signature.calls
    assert [call()[0].tolist() for _ in range(3)] == [[[2.0, 2.0]] * 3] * 3
    assert library.signature.calls == before + 3
    facts = session.facts()
    assert (facts["runtime"], facts["kind"], facts["parameters"]) == ("tensorflow", "savedmodel", 6)
    assert facts["operators"] == {"Mul": 1}
    session.close()
    assert opened(saved).run(FEED)["output"].shape == (3, 2)


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({"x": FEED["x"]}, "takes the inputs ids, x; it was given x"),
        ({**FEED, "ids": np.ones(3)}, "'ids' is int32 in the model; it was given float64"),
        ({**FEED, "x": np.ones((3, 5))}, r"'x' has the shape .*; it was given \[3, 5\]"),
    ],
)
def test_wrong_inputs_are_named(library, saved, feed, message):
    with pytest.raises(bench.BenchError, match=message):
        opened(saved).run(feed)


def test_other_devices_and_signatures_are_unsupported(library, saved):
    with pytest.raises(bench.Unsupported, match="runs on cpu, not on 'cuda:0'"):
        opened(saved, device="cuda:0")
    library.saved_model.load = lambda folder: types.SimpleNamespace(signatures={})
    with pytest.raises(bench.Unsupported, match="needs the signature 'serving_default' or one alone; it has none"):
        opened(saved)


@pytest.mark.parametrize(
    ("options", "optimizations", "types_", "ops", "calibrated"),
    [
        ({"mode": "dynamic"}, ["default"], [], [], 0),
        ({"mode": "dynamic", "sparse": True}, ["default", "sparse"], [], [], 0),
        ({"mode": "fp16"}, ["default"], ["float16"], [], 0),
        ({"mode": "static", "calibrate": 5}, ["default"], [], ["int8"], 5),
        ({"mode": "static", "calibrate": 3, "activation_bits": 16}, ["default"], [], ["int16x8"], 3),
    ],
)
def test_the_converter_is_set_as_the_mode_says(
    library, saved, tmp_path, options, optimizations, types_, ops, calibrated
):
    context = Context(tmp_path)
    path = bench_tensorflow.quantize_to_tflite(saved, context, **options)
    assert path.read_bytes() == b"TFL3"
    made = Converter.made[-1]
    assert (made.optimizations, made.target_spec.supported_types, made.target_spec.supported_ops) == (
        optimizations,
        types_,
        ops,
    )
    examples = list(made.representative_dataset()) if made.representative_dataset else []
    assert [each["x"].shape for each in examples] == [(1, 2)] * calibrated
    assert context.facts["mode"] == options["mode"]


def test_what_the_converter_refuses_is_unsupported_with_its_reason(library, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(Converter, "refuses", "op 'Foo' is neither a custom op nor a flex op\nand a long tail")
    with pytest.raises(bench.Unsupported, match=r"refuses the model: op 'Foo' is neither a custom op nor a flex op$"):
        bench_tensorflow.keras_tflite(saved, Context(tmp_path))


def test_a_saved_model_cannot_be_trained(library, saved, tmp_path, monkeypatch):
    inner = "tensorflow_model_optimization.python.core.quantization.keras"
    for name in (inner.partition(".")[0], inner, f"{inner}.quantize"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[inner].quantize = sys.modules[f"{inner}.quantize"]
    with pytest.raises(bench.Unsupported, match="a SavedModel cannot be trained"):
        bench_tensorflow.quantize_to_tflite(saved, Context(tmp_path), mode="qat")


def keras_file(folder: Path, version: str) -> bench.Artifact:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
    return bench.Artifact.of(path, "keras")


def test_the_toolkit_says_which_models_it_works_on(library, tmp_path):
    from bench_tensorflow.files import keras_version, read_keras_2

    assert keras_version(keras_file(tmp_path, "2.21.0").path) == "2.21.0"
    with pytest.raises(bench.Unsupported, match=r"prune: .* works on Keras 2 models; this one is of Keras 3\.15\.1"):
        read_keras_2(keras_file(tmp_path, "3.15.1"), "prune")


def test_files_that_are_no_model_are_unsupported(library, tmp_path):
    (tmp_path / "m.keras").write_bytes(b"not a model")
    with pytest.raises(bench.Unsupported, match=r"m\.keras is neither a \.keras nor an \.h5 file"):
        opened(bench.Artifact.of(tmp_path / "m.keras", "keras"))
    with zipfile.ZipFile(tmp_path / "z.keras", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(bench.Unsupported, match=r"z\.keras is no Keras model"):
        opened(bench.Artifact.of(tmp_path / "z.keras", "keras"))


@given(
    total=st.integers(2, 5000),
    steps=st.integers(1, 100),
    begin=st.floats(0, 0.99),
    end=st.floats(0.01, 1),
)
def test_a_schedule_reaches_its_last_step_within_the_training(total, steps, begin, end):
    first, last, frequency = Pruning(schedule="polynomial", steps=steps, begin=begin, end=end).span(total)
    assert 0 <= first < last <= total - 1
    assert (last - first) % frequency == 0, "the toolkit raises the sparsity at whole numbers of frequency only"
    assert (last - first) // frequency <= 2 * steps


def test_steps_follow_from_the_data():
    assert Training(2).steps(3_000) == 48
    assert Training(0.01).steps(BATCH) == 1
    assert Training(0).steps(3_000) == 0
    with pytest.raises(bench.BenchError, match="needs two steps"):
        Pruning(schedule="polynomial").span(1)


@pytest.mark.parametrize(
    ("plan", "epochs", "message"),
    [
        (Pruning(schedule="polynomial"), 0, "prunes while it fine-tunes, and finetune is 0"),
        (Pruning(begin=0.8, end=0.5), 1, "begin 0.8 is not before end 0.5"),
        (Pruning(sparsity=0.5, initial=0.6), 1, "initial_sparsity 0.6 is above sparsity 0.5"),
    ],
)
def test_contradictions_are_errors(plan, epochs, message):
    with pytest.raises(bench.BenchError, match=message):
        plan.check(epochs)


def test_only_static_files_have_wide_activations():
    Quantisation("static", activation_bits=16).check()
    with pytest.raises(bench.BenchError, match="activations of 16 bits need mode static, not dynamic"):
        Quantisation("dynamic", activation_bits=16).check()


LAYER = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 4}}


def layered(*layers):
    """Return a model's description with these layers beside a plain one."""
    return {"module": "keras.src.models", "class_name": "Functional", "config": {"layers": [LAYER, *layers]}}


def call(function, kind="TFOpLambda"):
    return {"class_name": kind, "config": {"function": function}, "inbound_nodes": [["_CONSTANT_VALUE", -1, "x", {}]]}


@pytest.mark.parametrize(
    "layer",
    [
        call("math.reduce_mean"),
        call("nn.relu6"),
        call("__operators__.getitem", "SlicingOpLambda"),
        call("compat.v1.transpose"),
        {"module": "tf_keras.src.engine.functional", "class_name": "Functional", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "relu"},
        {"class_name": "TextVectorization", "module": "keras.layers", "config": {"vocabulary": None}},
    ],
)
def test_layers_and_plain_operations_are_taken(layer):
    from bench_tensorflow.vetting import reason

    assert reason(layered(layer)) is None


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ({"class_name": "Lambda", "config": {"function": ["code"]}}, "'Lambda'"),
        ({"class_name": "Custom>lambda", "config": {}}, "'Custom>lambda'"),
        ({"class_name": "__lambda__", "config": {}}, "'__lambda__'"),
        (call("io.write_file"), r"'io\.write_file'"),
        (call("raw_ops.WriteFile"), r"'raw_ops\.WriteFile'"),
        (call("py_function"), "'py_function'"),
        (call("math.add\n.x"), "no plain operation"),
        (call(["io.write_file"]), "no plain operation"),
        ({"class_name": "ClassMethod", "config": {}}, "'ClassMethod'"),
        ({"class_name": "TensorFlowOpLayer", "config": {"node_def": "{}"}}, "'TensorFlowOpLayer'"),
        ({"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/else"}}, "'TFSMLayer'"),
        ({"class_name": "function", "module": "subprocess", "config": "check_output"}, "from 'subprocess'"),
        ({"class_name": "function", "module": "builtins", "config": "exec"}, "Python's 'exec'"),
        ({"class_name": "function", "module": "keras.utils", "config": "get_file"}, r"from 'keras\.utils'"),
        ({"class_name": "Popen", "module": ["subprocess"], "config": {}}, "'Popen'"),
        ({"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}, "'/etc/passwd'"),
        ({"class_name": "Dense", "config": {"activation": {"class_name": "Lambda"}}}, "'Lambda'"),
    ],
)
def test_what_a_description_would_run_is_named(layer, told):
    from bench_tensorflow.vetting import reason

    assert re.search(told, reason(layered(layer)) or "")


@pytest.fixture
def hdf5(monkeypatch):
    """Stand in for the library that reads HDF5: a file is one where it begins so, and holds its description as text."""

    class File:
        def __init__(self, path):
            text = path.read_bytes().partition(b"\x89HDF")[2].partition(b"END")[0]
            self.attrs = {"model_config": text.decode()}

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    stub = types.SimpleNamespace(File=File, is_hdf5=lambda path: path.read_bytes().startswith(b"\x89HDF"))
    monkeypatch.setitem(sys.modules, "h5py", stub)


def test_both_formats_are_looked_into_before_they_are_loaded(library, hdf5, tmp_path):
    evil, good = (json.dumps(layered(each)) for each in ({"class_name": "Lambda"}, LAYER))
    for name, start in (("m.h5", b"\x89HDF"), ("both.h5", b"\x89HDF")):
        (tmp_path / name).write_bytes(start + evil.encode() + b"END")
    for name in ("m.keras", "both.h5"):
        with zipfile.ZipFile(tmp_path / name, "a") as archive:
            archive.writestr("config.json", good if name == "both.h5" else evil)
            archive.writestr("metadata.json", json.dumps({"keras_version": "2.21.0"}))
    from bench_tensorflow.vetting import vet

    for name, told in (("m.h5", "'Lambda'"), ("m.keras", "'Lambda'"), ("both.h5", "two files in one")):
        with pytest.raises(bench.Unsupported, match=rf"{name} is not opened: .*{told}"):
            vet(tmp_path / name)
    with pytest.raises(bench.Unsupported, match=r"m\.keras is not opened"):
        opened(bench.Artifact.of(tmp_path / "m.keras", "keras"))


@pytest.mark.parametrize("metadata", ["[]", "[" * 100_000, '{"keras_version": 1}', "\xff"])
def test_a_damaged_keras_file_is_unsupported_and_no_traceback(metadata, library, hdf5, tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", metadata)
    with pytest.raises(bench.Unsupported, match=r"m\.keras"):
        opened(bench.Artifact.of(tmp_path / "m.keras", "keras"))
