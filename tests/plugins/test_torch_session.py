"""The torch backend: outputs, inputs, refusals, and the short cuts of the eager call."""

import numpy as np
import pytest
import torch
from bench_torch import TorchBackend, torch_export
from bench_torch.flat import DIRECT, bind_directly, flatten
from bench_torch.program import load_program
from bench_torch.session import CompiledSession
from torch.nn import functional

import bench


def opened(artifact, **options):
    return TorchBackend(**options).open(artifact, device="cpu", threads=1)


def expected(exported, batch):
    with torch.inference_mode():
        return exported.module(
            **{name: torch.from_numpy(value) for name, value in exported.make(batch).items()}
        ).numpy()


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_outputs_are_the_modules_at_every_batch(exported, batch):
    outputs = opened(exported.torch).run(exported.make(batch))
    assert list(outputs) == ["output"]
    np.testing.assert_allclose(outputs["output"], expected(exported, batch), atol=1e-6)


def test_the_bound_call_computes_anew_and_keeps_its_own_inputs(exported_cnn):
    session = opened(exported_cnn.torch)
    inputs = {name: value.copy() for name, value in exported_cnn.make(2).items()}
    call = session.bind(inputs)
    first = call()[0]
    inputs["image"][:] = 0
    second = call()[0]
    assert first.data_ptr() != second.data_ptr()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, expected(exported_cnn, 2), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"compile": True}])
def test_an_argument_may_be_called_input_as_in_torchs_own_layers(tmp_path, options):
    module = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())
    path = tmp_path / "m.pt2"
    torch.export.save(torch.export.export(module, (torch.zeros(2, 8),)), path)
    x = np.ones((2, 8), dtype=np.float32)
    outputs = opened(bench.Artifact.of(path, "torch"), **options).run({"input": x})
    np.testing.assert_allclose(outputs["output"], module(torch.from_numpy(x)).detach(), atol=1e-5)


def test_wrong_inputs_are_named(exported_attention):
    session = opened(exported_attention.torch)
    inputs = dict(exported_attention.make(1))
    with pytest.raises(bench.BenchError, match="takes the inputs attention_mask, input_ids"):
        session.run({"input_ids": inputs["input_ids"]})
    with pytest.raises(bench.BenchError, match="'input_ids' is int64"):
        session.run({**inputs, "input_ids": inputs["input_ids"].astype(np.float32)})
    narrow = session.run({**inputs, "input_ids": inputs["input_ids"].astype(np.int32)})
    np.testing.assert_allclose(narrow["output"], expected(exported_attention, 1), atol=1e-6)


def test_facts_say_what_runs(exported_cnn):
    session = opened(exported_cnn.torch)
    facts = session.facts()
    assert facts["version"] == torch.__version__
    assert (facts["mode"], facts["threads"]) == ("eager", 1)
    assert facts["precision"]["float32"] == 4 * (72 + 4 * 8 + 16 * 4 * 9 + 16 + 170)
    session.synchronize()
    session.close()


def test_other_devices_are_unsupported(exported_cnn):
    for device in ("tpu", "cuda:x", "cpu:1"):
        with pytest.raises(bench.Unsupported, match=f"runs on cpu and cuda, not on '{device}'"):
            TorchBackend().open(exported_cnn.torch, device=device, threads=1)


def test_compiling_without_a_compiler_is_unsupported_with_the_cure(exported_cnn, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(bench.Unsupported, match=r"C\+\+ compiler") as caught:
        opened(exported_cnn.torch, compile=True)
    assert "apt install g++" in caught.value.cure


def test_half_precision_comes_back_as_float32(export_context, tmp_path):
    class Half(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(4, 3).to(torch.bfloat16)

        def forward(self, x):
            return self.inner(x.to(torch.bfloat16))

    rows = np.ones((2, 4), np.float32)
    path = torch_export(Half(), export_context(tmp_path, lambda batch: {"x": rows[:batch]}))
    session = opened(bench.Artifact.of(path, "torch-quantized"))
    assert session.run({"x": rows})["output"].dtype == np.float32
    assert session.bind({"x": rows})()[0].dtype == torch.bfloat16
    assert session.facts()["precision"] == {"bfloat16": 30}


class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls.add_(1)
        return x + self.calls


class Overwriting(torch.nn.Module):
    def forward(self, x):
        x.view(-1).mul_(2)
        return x + 1


class Careful(torch.nn.Module):
    """Writes in place, but only into what it made itself."""

    def forward(self, x):
        return x.to(torch.float64).add_(1).view(-1, 2).mul_(2)


@pytest.mark.parametrize("module", [Counting(), Overwriting()], ids=["buffer", "input"])
def test_a_program_that_changes_its_state_is_refused(export_context, tmp_path, module):
    path = torch_export(module, export_context(tmp_path, lambda batch: {"x": np.ones((batch, 2), np.float32)}))
    with pytest.raises(bench.Unsupported, match="writes to its own buffers"):
        opened(bench.Artifact.of(path, "torch"))


def test_writing_into_its_own_results_is_allowed(export_context, tmp_path):
    path = torch_export(Careful(), export_context(tmp_path, lambda batch: {"x": np.ones((batch, 2), np.float32)}))
    output = opened(bench.Artifact.of(path, "torch")).run({"x": np.ones((3, 2), np.float32)})["output"]
    np.testing.assert_array_equal(output, np.full((3, 2), 4, np.float32))


class Operators(torch.nn.Module):
    """Uses every operator that the eager session calls through torch's own bindings."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(6, 8)
        self.line = torch.nn.Conv1d(8, 8, 3, padding=1)
        self.plane = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.layer_norm = torch.nn.LayerNorm(8)
        self.linear = torch.nn.Linear(8, 8)
        self.register_buffer("square", torch.randn(8, 8))

    def forward(self, ids, image):
        words = self.layer_norm(self.embed(ids))
        words = self.line(words.transpose(1, 2)).permute(0, 2, 1).contiguous()
        left, right = self.linear(torch.matmul(words, self.square)).chunk(2, -1)
        words = torch.cat([torch.sigmoid(left), torch.tanh(right)], -1).relu_()
        heads = words.view(words.shape[0], 4, 2, 4).transpose(1, 2)
        words = functional.scaled_dot_product_attention(heads, heads, heads).reshape(words.shape[0], 4, 8)
        words = torch.bmm(words, words.transpose(1, 2)) / 3.0
        words = words.masked_fill((ids == 2).unsqueeze(1).expand(-1, 4, -1), 0.5)
        plane = functional.max_pool2d(torch.relu(self.norm(self.plane(image))), 2)
        plane = functional.avg_pool2d(functional.hardtanh(plane) - 0.1, 2).flatten(1) * 2.0
        rows = torch.addmm(self.square[0], plane, self.square[:4]).clamp(min=-1.0).select(1, 0)
        words = functional.dropout(functional.gelu(words), 0.5, training=False).softmax(-1)
        words = words.log_softmax(-1).to(torch.float64).sum([1]).unsqueeze(-1).squeeze(-1).to(torch.float32)
        return words.add_(rows.unsqueeze(1)).mean([1]) + rows


def test_direct_bindings_give_what_the_operators_give(export_context, tmp_path):
    torch.manual_seed(0)
    dice = np.random.default_rng(0)

    def make(batch):
        ids = dice.integers(0, 6, (batch, 4))
        return {"ids": ids, "image": dice.standard_normal((batch, 4, 4, 4)).astype(np.float32)}

    program = load_program(torch_export(Operators(), export_context(tmp_path, make)))
    plain, state = flatten(program)
    direct, _ = flatten(program)
    used = {str(node.target.name()) for node in direct.graph.nodes if isinstance(node.target, torch._ops.OpOverload)}
    assert {f"aten::{name}" for name in DIRECT} <= used, "an operator has a short cut and no test"
    assert bind_directly(direct) >= len(DIRECT)
    left = {str(node.target.name()) for node in direct.graph.nodes if isinstance(node.target, torch._ops.OpOverload)}
    assert not left & {f"aten::{name}" for name in DIRECT}, "an operator of the list has no binding"
    for batch in (1, 3):
        inputs = {name: torch.from_numpy(value) for name, value in make(batch).items()}
        values = [state.get(node.name, inputs.get(node.name)) for node in plain.graph.nodes if node.op == "placeholder"]
        with torch.inference_mode():
            assert torch.equal(plain.forward(*values)[0], direct.forward(*values)[0])


def test_a_frozen_program_that_overwrites_its_inputs_gets_fresh_ones():
    def overwriting(image):
        return (image.mul_(2),)

    session = CompiledSession.__new__(CompiledSession)
    session._compiled = overwriting
    call = session._copying((torch.ones(2),))
    assert [call()[0].tolist() for _ in range(3)] == [[2.0, 2.0]] * 3


@pytest.mark.slow
def test_compiled_outputs_equal_eager_ones(exported_cnn, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    session = opened(exported_cnn.torch, compile=True)
    outputs = session.run(exported_cnn.make(2))["output"]
    np.testing.assert_allclose(outputs, expected(exported_cnn, 2), atol=1e-5)
    facts = session.facts()
    assert (facts["mode"], facts["frozen"]) == ("compiled", False)
    assert facts["compile_s"] > 0
