"""The onnxruntime backend on a card, against a stand-in for one: no card is needed, and none was ever used.

The stand-in gives sessions that say they are CUDA's and compute on the processor; what is bound must lie on the card.
"""

import sys
import types

import numpy as np
import onnxruntime
import pytest
from bench_onnxruntime import OnnxRuntimeBackend, card, providers, session
from bench_onnxruntime.card import CardMemory
from bench_onnxruntime.providers import CPU, CUDA
from onnx import TensorProto, helper, save

import bench


class Value:
    """A value on a card: it is an array only after it was fetched."""

    def __init__(self, array, card):
        self.array, self.card = array, card

    def numpy(self):
        return self.array.copy()


class Binding:
    def __init__(self, inner, fake):
        self.inner, self.fake = inner, fake
        self.inputs, self.outputs, self.made, self.waited = {}, {}, [], True

    def bind_ortvalue_input(self, name, value):
        assert isinstance(value, Value), "an input that is not on the card would be copied by every call"
        self.inputs[name] = value

    def bind_ortvalue_output(self, name, value):
        self.outputs[name] = value

    def bind_output(self, name, device_type, device_id):
        assert (device_type, device_id) == ("cuda", self.fake.card)
        self.outputs[name] = None

    def synchronize_outputs(self):
        self.waited = True

    def get_outputs(self):
        assert self.waited, "outputs were taken before the card was done"
        return self.made


class Session:
    """A session of the processor that says what a card's would say."""

    def __init__(self, inner, fake):
        self.inner, self.fake, self.fallback = inner, fake, True

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def get_providers(self):
        return [CUDA, CPU] if self.fake.starts else [CPU]

    def disable_fallback(self):
        self.fallback = False

    def get_provider_graph_assignment_info(self):
        found = {}
        for part in self.inner.get_provider_graph_assignment_info():
            for node in part.get_nodes():
                found.setdefault(CPU if node.op_type in self.fake.left else CUDA, []).append(node)
        return [types.SimpleNamespace(ep_name=name, get_nodes=lambda n=nodes: n) for name, nodes in found.items()]

    def io_binding(self):
        self.fake.binding = Binding(self.inner, self.fake)
        return self.fake.binding

    def run_with_iobinding(self, binding):
        binding.waited = False
        names = [each.name for each in self.inner.get_outputs()]
        found = self.inner.run(names, {name: value.array for name, value in binding.inputs.items()})
        binding.made = [Value(each, self.fake.card) for each in found]
        for name, each in zip(names, found, strict=True):
            if binding.outputs[name] is not None:
                binding.outputs[name].array[...] = each


class Fake:
    """What the module `onnxruntime` looks like where there is a card."""

    def __init__(self):
        self.card, self.starts, self.left, self.asked, self.copies, self.entries = 1, True, (), [], 0, []
        self.binding, self.preloaded = None, False
        self.OrtValue = types.SimpleNamespace(ortvalue_from_numpy=self.copy)

    def __getattr__(self, name):
        return getattr(onnxruntime, name)

    def preload_dlls(self):
        self.preloaded = True
        raise OSError("libcudnn.so.9")

    def get_available_providers(self):
        return [CUDA, CPU]

    def copy(self, array, device, number):
        assert (device, number) == ("cuda", self.card)
        self.copies += 1
        return Value(array.copy(), number)

    def InferenceSession(self, path, options, providers):
        self.asked.append(providers)
        return Session(onnxruntime.InferenceSession(path, options, providers=[CPU]), self)


@pytest.fixture
def ort(monkeypatch, exported_cnn, exported_attention):
    fake = Fake()
    fake.InferenceSession.__func__.get_provider_graph_assignment_info = None  # as the runtime's class has it
    for module in (session, providers, card):
        monkeypatch.setattr(module, "onnxruntime", fake)
    return fake


def opened(artifact, device="cuda:1", **options):
    return OnnxRuntimeBackend(**options).open(artifact, device=device, threads=1)


def saved(tmp_path, nodes, inputs, outputs):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "model.onnx")
    return bench.Artifact.of(tmp_path / "model.onnx", "onnx")


@pytest.mark.parametrize("batch", [1, 3])
def test_inputs_lie_on_the_card_and_results_are_there_when_a_call_returns(exported, ort, batch):
    inputs = exported.make(batch)
    wanted = onnxruntime.InferenceSession(str(exported.onnx.path), providers=[CPU]).run(None, dict(inputs))
    call = opened(exported.onnx).bind(inputs)
    copies = ort.copies
    for _ in range(3):
        found = call()
        assert ort.binding.waited
    assert ort.copies == copies == len(inputs) + 1, "each input and the output's memory, once"
    np.testing.assert_allclose(np.asarray(found[0]), wanted[0], atol=1e-5)
    np.testing.assert_allclose(opened(exported.onnx).run(inputs)["output"], wanted[0], atol=1e-5)


def test_outputs_whose_shape_only_running_tells_are_made_on_the_card(ort, tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["output"])]
    shapes = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("output", TensorProto.INT64, [2, "n"])],
    )
    call = opened(saved(tmp_path, nodes, *shapes)).bind({"x": np.array([[1, 0, 2]], np.float32)})
    np.testing.assert_array_equal(np.asarray(call()[0]), [[0, 0], [0, 2]])


def test_the_harness_can_digest_what_stays_on_the_card(exported_cnn, ort):
    from bench.worker.measuring import digest_outputs

    result = opened(exported_cnn.onnx).bind(exported_cnn.make(1))()
    assert digest_outputs(result) == digest_outputs([np.asarray(result[0])])


def test_the_provider_is_given_the_card_and_exact_float32(exported_cnn, ort):
    opened(exported_cnn.onnx)
    assert ort.preloaded, "libraries that came with torch are looked for"
    assert ort.asked[0] == [(CUDA, {"device_id": "1", "use_tf32": "0"})]


def test_facts_say_which_provider_took_which_operator(exported_cnn, ort):
    ort.left = ("ReduceMean",)
    facts = opened(exported_cnn.onnx).facts()
    assert facts["providers"] == [CUDA, CPU]
    assert facts["assignment"][CPU] == {"ReduceMean": 1}
    assert set(facts["assignment"][CUDA]) & {"Conv", "FusedConv"}
    assert facts["tf32"] is False


def test_a_provider_that_does_not_start_is_unsupported_not_replaced(exported_cnn, ort):
    ort.starts = False
    with pytest.raises(bench.Unsupported, match="cannot start its CUDA provider"):
        opened(exported_cnn.onnx)


def test_products_left_to_the_processor_are_unsupported(exported_cnn, ort):
    ort.left = ("Conv", "FusedConv", "Gemm")
    with pytest.raises(bench.Unsupported, match=r"would run model\.onnx's Conv, .*on the processor"):
        opened(exported_cnn.onnx)


def test_an_error_on_the_card_is_not_tried_again_on_the_processor(exported_cnn, ort):
    assert opened(exported_cnn.onnx)._session.fallback is False


def test_a_runtime_that_does_not_tell_may_leave_nothing_to_the_processor(monkeypatch):
    options = types.SimpleNamespace(entries=[])
    options.add_session_config_entry = lambda *entry: options.entries.append(entry)
    older = types.SimpleNamespace(InferenceSession=object)
    for runtime, wanted in ((onnxruntime, providers.RECORD), (older, providers.NO_FALLBACK)):
        monkeypatch.setattr(providers, "onnxruntime", runtime)
        options.entries.clear()
        providers.Place(0).prepare(options)
        assert options.entries == [(wanted, "1")]
    providers.Place().prepare(options)
    assert len(options.entries) == 1, "nothing is set for the processor"


def test_a_graph_that_the_processor_may_not_take_is_unsupported(exported_cnn):
    """The real runtime, told to leave nothing to the processor, has nobody else here."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry(providers.NO_FALLBACK, "1")
    with pytest.raises(bench.Unsupported, match="cannot run"):
        session._load(
            exported_cnn.onnx.path,
            options,
            types.SimpleNamespace(providers=[p for p in onnxruntime.get_available_providers() if p != CPU], card=0),
        )


def test_the_real_runtime_says_where_its_operators_run(exported_cnn):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(providers.RECORD, "1")
    told = providers.assignment(session._load(exported_cnn.onnx.path, options, providers.Place()))
    assert set(told) == {CPU}
    assert sum(told[CPU].values()) >= 4


@pytest.mark.parametrize(
    ("device", "says"), [("tpu", "runs on cpu and cuda, not on 'tpu'"), ("cuda:0", "no CUDA provider here")]
)
def test_devices_that_are_not_here_are_unsupported(exported_cnn, device, says):
    for ask in (lambda: opened(exported_cnn.onnx, device), lambda: OnnxRuntimeBackend().watch_memory(device)):
        with pytest.raises(bench.Unsupported, match=says):
            ask()


class Nvml(types.ModuleType):
    """NVML of two cards: processes with their memory, and the memory used in all."""

    def __init__(self, users=(), used=900):
        super().__init__("pynvml")
        self.users, self.used, self.cards = list(users), used, 2
        self.nvmlInit = lambda: None
        self.nvmlDeviceGetCount = lambda: self.cards
        self.nvmlDeviceGetHandleByIndex = lambda index: ("index", index)
        self.nvmlDeviceGetHandleByUUID = lambda uuid: ("uuid", uuid)
        self.nvmlDeviceGetMemoryInfo = lambda handle: types.SimpleNamespace(used=self.used)
        self.nvmlDeviceGetComputeRunningProcesses = lambda handle: self.users


def user(pid, memory):
    return types.SimpleNamespace(pid=pid, usedGpuMemory=memory)


@pytest.fixture
def watched(ort, monkeypatch):
    def watch(nvml, **environment):
        for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        monkeypatch.setattr(card.os, "getpid", lambda: 42)
        return CardMemory(1)

    return watch


PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_the_memory_of_this_process_alone_counts(watched):
    nvml = Nvml([user(7, 5000), user(42, 300)])
    watch = watched(nvml, **PCI)
    assert (watch.resident_bytes(), watch.missing) == (300, None)
    nvml.users[1] = user(42, 800)
    assert watch.reset_peak()
    assert watch.peak_bytes() == 800


@pytest.mark.parametrize("users", [[], [user(99, None)], [user(42, None)]], ids=["unlisted", "container", "unknown"])
def test_where_nobody_else_computes_the_cards_use_stands_for_it(watched, users):
    assert watched(Nvml(users), **PCI).resident_bytes() == 900


def test_memory_that_cannot_be_told_apart_is_missing_with_the_reason(watched):
    watch = watched(Nvml([user(7, None), user(99, None)]), **PCI)
    assert watch.resident_bytes() is None
    assert "whose memory is whose" in watch.missing


@pytest.mark.parametrize(
    ("environment", "handle"),
    [
        (PCI, ("index", 1)),
        ({**PCI, "CUDA_VISIBLE_DEVICES": "1, 0"}, ("index", 0)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}, ("uuid", "GPU-b")),
        ({}, None),
    ],
)
def test_nvml_is_asked_of_the_card_that_cuda_means(watched, environment, handle):
    watch = watched(Nvml(), **environment)
    assert watch._handle == handle
    assert (watch.missing is None) == (handle is not None)


def test_without_nvml_the_memory_is_missing_and_the_cure_is_said(watched):
    watch = watched(None, **PCI)
    assert (watch.resident_bytes(), watch.reset_peak()) == (None, False)
    assert "joulebench[energy]" in watch.missing
