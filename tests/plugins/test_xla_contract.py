"""The XLA backend against a stand-in for torch_xla that is lazy as it is: always run. The real one: test_xla_real."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.measure.counted import odd
from bench.worker.counting import Tally
from bench.worker.local import LocalWorker

torch = pytest.importorskip("torch", reason="torch is not installed here, and plugins install one by one")

from bench_torch import TorchBackend  # noqa: E402
from bench_xla import XlaBackend  # noqa: E402
from bench_xla.archive import is_plain_size, vet  # noqa: E402
from bench_xla.device import kind_of, prepare, tpu_chips  # noqa: E402
from bench_xla.quantised import PLAIN, replace_quantised  # noqa: E402
from bench_xla.runtime import Runtime  # noqa: E402

from .xla_stub import Lazy, installed  # noqa: E402

TOLERANCE = 1e-4


@pytest.fixture
def lazy(monkeypatch):
    with installed(monkeypatch, Lazy()) as runtime:
        yield runtime


def opened(artifact, device="xla:CPU", threads=1):
    return XlaBackend().open(artifact, device=device, threads=threads)


@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_are_those_of_torch(lazy, exported, batch):
    inputs = exported.make(batch)
    found = opened(exported.torch).run(inputs)["output"]
    wanted = TorchBackend().open(exported.torch, device="cpu", threads=1).run(inputs)["output"]
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


def test_a_call_executes_once_waits_and_compiles_nothing(lazy, exported):
    session = opened(exported.torch)
    call = session.bind(exported.make(1))
    tally = Tally(session)
    for _ in range(5):
        call()
        assert not lazy.running, "the call returned before the device was done"
    assert tally.ended(5) == {"calls": 5, "executed": 5, "compiled": 0}


def test_a_session_opened_anew_compiles_before_its_window(lazy, exported_cnn):
    opened(exported_cnn.torch).bind(exported_cnn.make(1))()
    session = opened(exported_cnn.torch)
    call = session.bind(exported_cnn.make(1))
    tally = Tally(session)
    call()
    assert tally.ended(1) == {"calls": 1, "executed": 1, "compiled": 0}


def test_the_stand_in_has_the_traps_of_the_real_one(lazy):
    """A result dropped before sync executes nothing; sync does not wait. Without these the tests above show nothing."""
    runtime, one = Runtime("CPU"), torch.ones(3)
    runtime.finish()
    before = runtime.counters()
    torch.exp(one)
    runtime.finish()
    assert runtime.counters() == before
    kept = torch.exp(one)
    lazy.sync(wait=True)
    assert lazy.running
    assert runtime.counters()["executed"] == before["executed"] + 1
    lazy.wait_device_ops()
    assert not lazy.running
    del kept


def careless(session, inputs):
    """A call as it should not be: its result is gone before anything is executed."""
    call = session.bind(inputs)
    forward, arguments = session._forward, [value for _, value in session._order if value is not None]
    del call

    def dropping():
        with torch.no_grad():
            forward(*arguments, *session._tensors(inputs).values())
        session._runtime.finish()

    return dropping


def test_a_dropped_result_makes_a_window_odd(lazy, exported_cnn):
    session = opened(exported_cnn.torch)
    call = careless(session, exported_cnn.make(1))
    call()
    tally = Tally(session)
    call()
    counted = tally.ended(1)
    assert odd(counted) == "the runtime executed 0 graphs for 1 calls"


def test_a_graph_that_is_new_makes_a_window_odd(lazy, exported_cnn):
    session = opened(exported_cnn.torch)
    session.bind(exported_cnn.make(1))
    late = session._call(exported_cnn.make(4))
    tally = Tally(session)
    late()
    assert odd(tally.ended(1)) == "the runtime compiled 1 graphs while it was timed"


def test_what_a_worker_says_of_a_block(lazy, exported_cnn, tmp_path):
    np.savez(tmp_path / "inputs.npz", **exported_cnn.make(1))
    worker = LocalWorker()
    worker.request("import", {"target": "bench_xla:XlaBackend", "options": {}, "needs": []}, timeout_s=60.0)
    more = {"inputs": str(tmp_path / "inputs.npz"), "device": "xla:CPU", "threads": 1, "warm": False}
    said = worker.request("open", {"artifact": exported_cnn.torch.to_json(), **more}, timeout_s=60.0).data
    reply = worker.request("block", {"n": 7, "core": None, "seed": 0}, timeout_s=60.0)
    worker.close()
    assert reply.data["counted"] == {"calls": 7, "executed": 7, "compiled": 0}
    facts = said["facts"]
    assert (facts["runtime"], facts["device"], facts["mode"], facts["threads"]) == ("torch_xla", "CPU", "lazy", 1)
    assert facts["compiled"] >= 1
    assert facts["compile_s"] == 2.0 * facts["compiled"]
    assert facts["precision"]["float32"] == sum(
        4 * each.numel() for each in exported_cnn.module.state_dict().values() if each.dtype == torch.float32
    )


def test_operators_that_xla_lacks_are_named(lazy, exported_cnn):
    lazy.fallbacks["aten::nonzero"] = 3
    assert opened(exported_cnn.torch).facts()["fallbacks"] == {"aten::nonzero": 3}


def test_inputs_of_another_name_or_kind(lazy, exported_cnn, exported_attention):
    with pytest.raises(bench.BenchError, match="takes the inputs image; it was given picture"):
        opened(exported_cnn.torch).run({"picture": np.zeros((1, 1, 12, 12), np.float32)})
    floats = {name: value.astype(np.float32) for name, value in exported_attention.make(1).items()}
    with pytest.raises(bench.BenchError, match=r"is int64 in the program; it was given torch\.float32"):
        opened(exported_attention.torch).run(floats)


def test_a_closed_session_holds_nothing(lazy, exported_cnn):
    session = opened(exported_cnn.torch)
    session.close()
    assert session._order == []


# Quantised programs


def decomposed():
    pytest.importorskip("torchao", reason="torchao registers the operators that these tests compare with")
    import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401

    return torch.ops.quantized_decomposed


@pytest.mark.parametrize("bounds", [(-128, 127, torch.int8), (0, 255, torch.uint8)])
def test_quantising_in_plain_arithmetic_is_what_the_operators_do(bounds):
    theirs, values = decomposed(), torch.linspace(-7, 7, 401).reshape(1, -1)
    ours, args = PLAIN["quantize_per_tensor"](values, 0.05, 3, *bounds), (0.05, 3, *bounds)
    assert torch.equal(ours, theirs.quantize_per_tensor(values, *args))
    assert torch.equal(PLAIN["dequantize_per_tensor"](ours, *args), theirs.dequantize_per_tensor(ours, *args))


@pytest.mark.parametrize("axis", [0, 1])
def test_so_it_is_by_channel(axis):
    theirs, values = decomposed(), torch.linspace(-7, 7, 24).reshape(4, 6)
    n = values.shape[axis]
    scales, zeros = torch.linspace(0.05, 0.2, n), torch.arange(n)
    args = (scales, zeros, axis, -128, 127, torch.int8)
    ours = PLAIN["quantize_per_channel"](values, *args)
    assert torch.equal(ours, theirs.quantize_per_channel(values, *args))
    assert torch.equal(PLAIN["dequantize_per_channel"](ours, *args), theirs.dequantize_per_channel(ours, *args))
    without = (scales, None, axis, -128, 127, torch.int8)
    assert torch.equal(PLAIN["dequantize_per_channel"](ours, *without), theirs.dequantize_per_channel(ours, *without))


def test_a_graph_has_none_of_them_left():
    theirs = decomposed()
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    graph.output(graph.call_function(theirs.quantize_per_tensor.default, (x, 0.1, 0, -128, 127, torch.int8)))
    module = torch.fx.GraphModule(torch.nn.Module(), graph)
    replace_quantised(module, "model.pt2")
    module.recompile()
    assert torch.equal(module(torch.tensor([0.31])), torch.tensor([3], dtype=torch.int8))
    node = next(each for each in graph.nodes if each.op == "call_function")
    node.target = theirs.choose_qparams.tensor
    with pytest.raises(bench.Unsupported, match="which backend 'xla' does not know"):
        replace_quantised(module, "model.pt2")


# The device


@pytest.mark.parametrize("device", ["cpu", "xla", "xla:GPU", "xla:0", "cuda:0"])
def test_other_devices_are_refused_before_torch_xla_is_loaded(exported_cnn, device, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_xla", None)  # an import would fail
    with pytest.raises(bench.Unsupported, match="runs on xla:CPU and xla:TPU"):
        opened(exported_cnn.torch, device)


def test_a_tpu_is_looked_for_on_the_bus_before_libtpu_is_touched(exported_cnn, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_xla", None)
    monkeypatch.setattr("bench_xla.device.PCI", tmp_path)
    with pytest.raises(bench.Unsupported, match="no TPU here"):
        kind_of("xla:TPU", tmp_path)
    for name, vendor, chip in (("a", "0x1ae0", "0x0063"), ("b", "0x1ae0", "0xffff"), ("c", "0x8086", "0x0063")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor + "\n")
        (tmp_path / name / "device").write_text(chip + "\n")
    (tmp_path / "d").mkdir()
    assert tpu_chips(tmp_path) == 1
    assert kind_of("xla:TPU", tmp_path) == "TPU"
    assert tpu_chips(tmp_path / "nowhere") == 0


def test_what_the_runtime_is_told_before_it_starts():
    said = {"TPU_SKIP_MDS_QUERY": "0"}
    prepare("CPU", 2, said)
    assert said == {"PJRT_DEVICE": "CPU", "NPROC": "2", "TPU_SKIP_MDS_QUERY": "0"}
    said = {}
    prepare("TPU", 1, said)
    assert said == {"PJRT_DEVICE": "TPU"}


def test_another_kind_than_was_asked_for_is_refused(monkeypatch, exported_cnn):
    with installed(monkeypatch, Lazy("TPU")), pytest.raises(bench.Unsupported, match="came up on TPU, not on CPU"):
        opened(exported_cnn.torch)


# The file


def edited(artifact: bench.Artifact, folder: Path, change) -> bench.Artifact:
    """Return a copy of a .pt2 file whose members went through `change(name, data) -> data`."""
    target = folder / "edited.pt2"
    with zipfile.ZipFile(artifact.path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return bench.Artifact.of(target, "torch")


def renamed(name, data):
    return data.replace(b"torch.ops.aten.relu.default", b"torch.hub.load") if "/models/" in name else data


def pickled(name, data):
    if not name.endswith("weights_config.json"):
        return data
    config = json.loads(data)
    next(iter(config["config"].values()))["use_pickle"] = True
    return json.dumps(config).encode()


@pytest.mark.parametrize(("change", "says"), [(renamed, "it names 'torch.hub.load'"), (pickled, "pickle of more than")])
def test_a_file_that_is_more_than_data_is_refused(exported_cnn, tmp_path, change, says):
    with pytest.raises(bench.Unsupported, match=says):
        vet(edited(exported_cnn.torch, tmp_path, change).path)


def test_what_is_no_program(lazy, tmp_path):
    (tmp_path / "model.pt2").write_bytes(b"nothing")
    with pytest.raises(bench.Unsupported, match=r"it is no \.pt2 file"):
        opened(bench.Artifact.of(tmp_path / "model.pt2", "torch"))


@pytest.mark.parametrize("size", ["2*Symbol('s0', positive=True, integer=True)", "Max(1, s77)", "FloorDiv(s0, 2)"])
def test_sizes_are_plain(size):
    assert is_plain_size(size)


@pytest.mark.parametrize("size", ["__import__('os')", "exec(s0)", "s0.__class__", "print(1)", "Symbol(open)"])
def test_sizes_that_are_programs_are_not(size):
    assert not is_plain_size(size)


def test_a_program_that_writes_to_its_own_state_is_refused(lazy, tmp_path):
    class Counts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x):
            self.seen.add_(1)
            return x + self.seen

    program = torch.export.export(Counts(), (), {"x": torch.ones(2)})
    torch.export.save(program, tmp_path / "model.pt2")
    with pytest.raises(bench.Unsupported, match="writes to its own buffers"):
        opened(bench.Artifact.of(tmp_path / "model.pt2", "torch"))
