"""The LiteRT backend: outputs, inputs, batches, refusals. Runs where ai-edge-litert is installed (`tox -e litert`)."""

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

import bench

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed here: tox -e litert")

from bench_litert import LiteRtBackend, own_tflite

FILES = Path(__file__).parent / "litert_files"  # the networks of conftest.py, converted by litert-torch 0.10.0
WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4) / 10 - 0.5
BIAS = np.array([0.5, -0.25, 0], np.float32)
WORK_NS = 300_000_000


def builder():
    """Load the neighbour: tests are imported by file, so it lies on no path."""
    spec = importlib.util.spec_from_file_location("litert_builder", Path(__file__).parent / "litert_builder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(tmp_path):
    def make(**dress):
        return bench.Artifact.of(builder().write_dense(tmp_path / "m.tflite", WEIGHTS, BIAS, **dress), "tflite")

    return make


def opened(artifact, threads=1, kernels="xnnpack"):
    return LiteRtBackend(kernels).open(artifact, device="cpu", threads=threads)


def rows(n):
    return {"x": np.random.default_rng(n).standard_normal((n, 4)).astype(np.float32)}


def wanted(inputs):
    return inputs["x"] @ WEIGHTS.T + BIAS


def file_of(name):
    return bench.Artifact.of(FILES / f"{name}.tflite", "tflite")


def work_by_thread():
    """Return nanoseconds on a processor by thread of this process."""
    return {each.name: int((each / "schedstat").read_text().split()[0]) for each in Path("/proc/self/task").iterdir()}


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin", "reference"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_those_of_the_formula(made, threads, kernels):
    session = opened(made(), threads, kernels)
    for n in (1, 3, 2):
        found = session.run(rows(n))
        assert list(found) == ["output"]
        np.testing.assert_allclose(found["output"], wanted(rows(n)), atol=1e-6)


@pytest.mark.parametrize("name", ["cnn", "attention"])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_equal_those_of_torch(name, batch, request):
    pytest.importorskip("torch", reason="the network that was converted is torch's")
    exported = request.getfixturevalue(f"exported_{name}")
    from bench_torch import TorchBackend

    inputs = exported.make(batch)
    want = TorchBackend().open(exported.torch, device="cpu", threads=1).run(inputs)["output"]
    np.testing.assert_allclose(opened(file_of(name)).run(inputs)["output"], want, atol=1e-4)


def test_the_bound_call_computes_anew_and_keeps_its_own_inputs(made):
    session, inputs = opened(made()), rows(2)
    call = session.bind(inputs)
    first = call()[0].copy()
    inputs["x"][:] = 0
    call()[0][:] = np.nan
    np.testing.assert_array_equal(call()[0], first)
    np.testing.assert_allclose(first, wanted(rows(2)), atol=1e-6)


def test_bound_calls_and_runs_of_other_batches_do_not_disturb_one_another(made):
    session = opened(made())
    one, other = session.bind(rows(1)), session.bind(rows(4))
    for _ in range(2):
        np.testing.assert_allclose(other()[0], wanted(rows(4)), atol=1e-6)
        np.testing.assert_allclose(one()[0], wanted(rows(1)), atol=1e-6)
        assert session.run(rows(3))["output"].shape == (3, 3)
    np.testing.assert_allclose(one()[0], wanted(rows(1)), atol=1e-6)


def test_a_file_of_a_fixed_batch_runs_in_parts_and_is_timed_at_that_batch_only(made):
    session = opened(made(batch=2))
    np.testing.assert_allclose(session.run(rows(6))["output"], wanted(rows(6)), atol=1e-6)
    np.testing.assert_allclose(session.bind(rows(2))()[0], wanted(rows(2)), atol=1e-6)
    with pytest.raises(bench.Unsupported, match="takes batches of 2 only, not of 4"):
        session.bind(rows(4))
    with pytest.raises(bench.Unsupported, match="which 3 examples do not fill"):
        session.run(rows(3))


def test_integer_ends_take_floats_by_their_scale_and_give_floats(made):
    session, step = opened(made(integer=True)), builder().SCALE
    inputs = {"x": rows(3)["x"].clip(-1, 1)}
    found = session.run(inputs)["output"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted(inputs), atol=1.5 * step)
    assert session.bind(inputs)()[0].dtype == np.int8, "what a device gives is what is timed"
    assert session.facts()["executed"]["products"] == {"int8": 1.0}


def test_a_file_without_a_signature_has_its_tensors_names(made):
    found = opened(made(signature=False)).run(rows(2))
    np.testing.assert_allclose(found["y"], wanted(rows(2)), atol=1e-6)


@pytest.mark.parametrize(
    ("kernels", "resolver", "delegate", "delegated"),
    [
        ("xnnpack", "AUTO", "xnnpack", "6 of 6 operators"),
        ("builtin", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", None, "0 of 6 operators"),
        ("reference", "BUILTIN_REF", None, "0 of 6 operators"),
    ],
)
def test_facts_say_whose_kernels_run(kernels, resolver, delegate, delegated):
    facts = opened(file_of("cnn"), 2, kernels).facts()
    assert (facts["resolver"], facts["delegate"], facts["delegated"]) == (resolver, delegate, delegated)
    assert facts["threads"] == 2
    assert facts["executed"]["products"] == {"float32": 1.0}
    assert ("DELEGATE" in facts["operators"]) == (delegate is not None)


def test_what_the_delegate_leaves_is_named():
    facts = opened(file_of("attention")).facts()
    assert facts["operators"]["EMBEDDING_LOOKUP"] == 1
    assert facts["operators"]["DELEGATE"] >= 1
    assert "FULLY_CONNECTED" not in facts["operators"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="a thread's processor time is read from /proc")
@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_threads_work_than_were_asked_for(threads):
    image = np.random.default_rng(0).standard_normal((256, 1, 12, 12)).astype(np.float32)
    call = opened(file_of("cnn"), threads).bind({"image": image})
    call()
    before = work_by_thread()
    while sum(work_by_thread().values()) - sum(before.values()) < WORK_NS:
        call()
    spent = [ns - before.get(thread, 0) for thread, ns in work_by_thread().items()]
    assert 1 <= sum(each > 0.02 * WORK_NS for each in spent) <= threads


def test_wrong_inputs_are_named(made):
    with pytest.raises(bench.BenchError, match="takes the inputs x; it was given y"):
        opened(made()).run({"y": rows(1)["x"]})
    inputs = {name: np.ones((1, 10), np.float32) for name in ("input_ids", "attention_mask")}
    with pytest.raises(bench.BenchError, match="'input_ids' is int32 in the model; it was given float32"):
        opened(file_of("attention")).run({**inputs, "attention_mask": np.ones((1, 10), np.int64)})
    with pytest.raises(bench.Unsupported, match=r"cannot run m\.tflite"):
        opened(made()).run({"x": np.ones((1, 5, 2), np.float32)})


def test_other_devices_are_unsupported(made):
    with pytest.raises(bench.Unsupported, match="runs on cpu, not on 'cuda:0'"):
        LiteRtBackend().open(made(), device="cuda:0", threads=1)


def test_files_that_the_runtime_cannot_take_are_unsupported(made, tmp_path):
    for content in (b"", b"not a model", (FILES / "cnn.tflite").read_bytes()[:900]):
        (tmp_path / "bad.tflite").write_bytes(content)
        with pytest.raises(bench.Unsupported, match=r"cannot run bad\.tflite"):
            opened(bench.Artifact.of(tmp_path / "bad.tflite", "tflite"))
    with pytest.raises(bench.Unsupported, match="one file; model is none"):
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "x").write_bytes(b"x")
        opened(bench.Artifact.of(tmp_path / "model", "tflite"))


@pytest.mark.parametrize("dress", [{"operator": "TRANSPOSE"}, {"operator": "CONV_2D"}])
def test_a_file_whose_tensors_cannot_be_allocated_is_unsupported_with_the_runtimes_reason(made, dress):
    with pytest.raises(bench.Unsupported, match=r"litert 2.* cannot run m\.tflite: .+"):
        opened(made(**dress))


def test_a_closed_session_gives_its_interpreter_back_and_opening_again_works(made):
    artifact = made()
    first = opened(artifact)
    want = first.run(rows(2))["output"]
    first.close()
    np.testing.assert_array_equal(opened(artifact).run(rows(2))["output"], want)


def test_a_file_of_ones_own_is_a_task(made, tmp_path):
    signs = np.array([1, 1, -1, -1] * 2, np.float32)  # data of one class are refused
    inputs = {"x": rows(8)["x"] * signs.reshape(-1, *[1] * (rows(8)["x"].ndim - 1))}
    labels = wanted(inputs).argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=inputs["x"], labels=labels)
    task = own_tflite(str(made().path), str(tmp_path / "data.npz"))
    assert task.metric.name == "accuracy"
    (tmp_path / "out").mkdir()
    session = opened(bench.Artifact.of(task.artifact("tflite", tmp_path / "out"), "tflite"))
    assert task.score(session.run(task.inputs("evaluation"))).value == 1.0
    assert own_tflite(str(file_of("attention").path)).evaluation_batch == 1


@pytest.mark.parametrize("error", [struct.error("unpack_from"), KeyError(11), TypeError("int"), IndexError("list")])
def test_a_graph_that_cannot_be_made_out_costs_the_audit_alone(error, monkeypatch):
    from bench_litert import executed

    def graph(_):
        raise error

    monkeypatch.setattr(executed, "Graph", graph)
    found = executed.executed_by(Path("model.tflite"))
    assert list(found) == ["reason"]
    assert found["reason"].startswith(f"model.tflite cannot be read: {type(error).__name__}")
