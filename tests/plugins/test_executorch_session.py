"""The ExecuTorch backend and its files, with the real runtime. Runs where it is installed (`tox -e executorch`)."""

from pathlib import Path

import numpy as np
import pytest

import bench

pytest.importorskip("executorch.runtime", reason="executorch is not installed here: tox -e executorch")
torch = pytest.importorskip("torch", reason="the files of these tests are exported by torch")

from bench_executorch import (  # noqa: E402
    ExecuTorchBackend,
    executorch_xnnpack,
    own_executorch,
    quantize_executorch,
)
from bench_torch import TorchBackend  # noqa: E402

# Importing and lowering with executorch warn about their own future.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow, pytest.mark.timeout(600)]
TOLERANCE = 1e-5
WORK_NS = 300_000_000


@pytest.fixture(scope="module")
def made(exported_cnn, exported_attention, export_context, tmp_path_factory):
    """Every file once: lowering takes seconds."""
    files, facts = {}, {}
    for name, net in (("cnn", exported_cnn), ("attention", exported_attention)):
        for mode in ("float", "static", "dynamic"):
            context = export_context(tmp_path_factory.mktemp(f"{name}-{mode}"), net.make)
            context.calibration = lambda n, net=net: {
                key: np.concatenate([net.make(b)[key] for b in range(1, 9)])[:n] for key in net.make(1)
            }
            step = executorch_xnnpack if mode == "float" else quantize_executorch
            path = step(net.torch, context, **({} if mode == "float" else {"mode": mode}))
            files[name, mode] = bench.Artifact.of(path, "executorch")
            facts[name, mode] = context.facts
    return files, facts


def opened(artifact, threads=1):
    return ExecuTorchBackend().open(artifact, device="cpu", threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_equal_those_of_torch(exported, made, request, batch, threads):
    name = "cnn" if "cnn" in request.node.callspec.id else "attention"
    inputs = exported.make(batch)
    wanted = TorchBackend().open(exported.torch, device="cpu", threads=1).run(inputs)["output"]
    session = opened(made[0][name, "float"], threads)
    np.testing.assert_allclose(session.run(inputs)["output"], wanted, atol=TOLERANCE)
    assert session.facts()["threads"] == threads


@pytest.mark.parametrize("mode", ["static", "dynamic"])
@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_int8_is_near_and_really_integer(made, exported_cnn, exported_attention, name, mode):
    net = exported_cnn if name == "cnn" else exported_attention
    inputs = net.make(4)
    wanted = TorchBackend().open(net.torch, device="cpu", threads=1).run(inputs)["output"]
    session = opened(made[0][name, mode])
    found = session.run(inputs)["output"]
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()
    assert "int8" in session.profile(net.make(1))["products"]
    assert made[1][name, mode]["layers"] == {"static": 3, "dynamic": 1}[mode] if name == "cnn" else 2


def test_int8_of_what_is_mostly_linear_is_smaller(made):
    files = made[0]
    assert files["attention", "static"].size_bytes < files["attention", "float"].size_bytes


def test_facts_say_what_the_delegate_took(made):
    facts = opened(made[0]["cnn", "float"]).facts()
    assert facts["version"] == "1.5.1"
    assert facts["delegated"]["convolution"] == 2
    assert facts["portable"] == {"mean.dim": 1}
    assert made[1]["cnn", "float"]["delegated"] == facts["delegated"], "the lineage says so too"
    executed = opened(made[0]["cnn", "float"]).profile({"image": np.zeros((1, 1, 12, 12), np.float32)})
    assert executed["products"] == {"float32": 1.0}


def test_the_bound_call_computes_anew_and_keeps_its_own_inputs(made, exported_cnn):
    session = opened(made[0]["cnn", "float"])
    inputs = {name: array.copy() for name, array in exported_cnn.make(1).items()}
    call = session.bind(inputs)
    first = call()[0].numpy().copy()
    inputs["image"][:] = 0
    call()[0].zero_()
    np.testing.assert_array_equal(call()[0].numpy(), first)
    np.testing.assert_array_equal(session.run(exported_cnn.make(1))["output"], first)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="a thread's processor time is read from /proc")
@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_threads_work_than_were_asked_for(made, exported_cnn, threads):
    call = opened(made[0]["cnn", "float"], threads).bind(exported_cnn.make(16))
    call()

    def spent():
        tasks = Path("/proc/self/task").iterdir()
        return {each.name: int((each / "schedstat").read_text().split()[0]) for each in tasks}

    before = spent()
    while sum(spent().values()) - sum(before.values()) < WORK_NS:
        call()
    after = [ns - before.get(thread, 0) for thread, ns in spent().items()]
    assert 1 <= sum(each > 0.02 * WORK_NS for each in after) <= threads


def test_a_program_of_a_fixed_batch_keeps_it(tmp_path, export_context):
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(5, 4),)), tmp_path / "model.pt2")
    make = lambda batch: {"input": np.ones((5, 4), np.float32)}  # noqa: E731 - whatever is asked
    path = executorch_xnnpack(bench.Artifact.of(tmp_path / "model.pt2", "torch"), export_context(tmp_path, make))
    session = opened(bench.Artifact.of(path, "executorch"))
    assert session.facts()["batch"] == 5
    values = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
    wanted = net(torch.tensor(values)).detach().numpy()
    np.testing.assert_allclose(session.run({"input": values})["output"], wanted, atol=TOLERANCE)


def test_a_model_of_ones_own(made, exported_cnn):
    task = own_executorch(str(made[0]["cnn", "float"].path))
    assert {name: array.shape[1:] for name, array in task.inputs("evaluation").items()} == {"image": (1, 12, 12)}
    outputs = opened(made[0]["cnn", "float"]).run(task.inputs("evaluation"))
    assert task.score(outputs).value == 1.0


def test_files_that_are_no_program_are_unsupported(tmp_path, export_context, exported_cnn):
    (tmp_path / "model.pte").write_bytes(b"not a program" * 20)
    with pytest.raises(bench.Unsupported, match=r"cannot run model\.pte"):
        opened(bench.Artifact.of(tmp_path / "model.pte", "executorch"))
    (tmp_path / "model.pt2").write_bytes(b"not a program")
    with pytest.raises(bench.Unsupported, match="does not load as a program"):
        executorch_xnnpack(
            bench.Artifact.of(tmp_path / "model.pt2", "torch"), export_context(tmp_path, exported_cnn.make)
        )


def test_an_elementwise_program_has_nothing_to_quantise(tmp_path, export_context):
    class Doubles(torch.nn.Module):
        def forward(self, x):
            return torch.relu(x)

    program = torch.export.export(Doubles(), (), {"x": torch.ones(1, 3)})
    torch.export.save(program, tmp_path / "model.pt2")
    context = export_context(tmp_path, lambda batch: {"x": np.ones((batch, 3), np.float32)})
    context.calibration = lambda n: {"x": np.ones((n, 3), np.float32)}
    with pytest.raises(bench.Unsupported, match="found no layer to quantise in mode dynamic"):
        quantize_executorch(bench.Artifact.of(tmp_path / "model.pt2", "torch"), context)
