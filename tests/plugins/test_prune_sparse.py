"""Compressed sparse rows: the same answers from fewer bytes, in a program that the torch backend runs and counts."""

import bench_prune
import bench_torch
import numpy as np
import pytest
import torch
from bench_prune.sparse import CsrLinear
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import bench


class Wide(nn.Module):
    """Tokens through two wide layers; the last is too dense to be worth it."""

    def __init__(self, width=64):
        super().__init__()
        self.first, self.second = nn.Linear(width, 2 * width), nn.Linear(2 * width, width, bias=False)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean(1))


class Context:
    seed, device = 0, "cpu"

    def __init__(self, folder, shape=(5, 64)):
        self.workdir, self.facts, self._shape = folder, {}, shape

    def example(self, batch=1):
        return {"x": np.random.default_rng(batch).normal(size=(batch, *self._shape)).astype(np.float32)}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Wide().eval()
    with torch.no_grad():
        for each in (net.first, net.second):
            each.weight[torch.rand_like(each.weight) < 0.9] = 0
            each.weight[3] = 0  # a row without any weight
    return net


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    density=st.floats(0, 1),
    lead=st.sampled_from([(1,), (7,), (2, 3)]),
    bias=st.booleans(),
)
def test_the_product_is_that_of_the_dense_layer(rows, columns, density, lead, bias):
    torch.manual_seed(rows * 10 + columns)
    layer = nn.Linear(columns, rows, bias=bias)
    with torch.no_grad():
        layer.weight[torch.rand_like(layer.weight) >= density] = 0
        x = torch.randn(*lead, columns)
        sparse = CsrLinear(layer)
        assert sparse(x).shape == (*lead, rows)
        assert torch.allclose(sparse(x), layer(x), atol=1e-5)
    assert sparse.values.numel() == int(layer.weight.count_nonzero())


def test_the_file_is_smaller_runs_on_the_backend_and_is_counted(net, tmp_path):
    ctx, dense = Context(tmp_path / "sparse"), Context(tmp_path / "dense")
    for each in (ctx, dense):
        each.workdir.mkdir()
    before = {name: each.clone() for name, each in net.state_dict().items()}
    artifact = bench.Artifact.of(bench_prune.sparse_csr(net, ctx), "torch-sparse")
    whole = bench.Artifact.of(bench_torch.torch_export(net, dense), "torch")
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())
    assert artifact.size_bytes < 0.6 * whole.size_bytes
    assert set(ctx.facts["layers"]) == {"first", "second"}
    assert ctx.facts["share_of_weights"] == pytest.approx(2 * 64 * 128 / sum(each.numel() for each in net.parameters()))
    session = bench_torch.TorchBackend().open(artifact, device="cpu", threads=1)
    for batch in (1, 6):
        with torch.no_grad():
            expected = net(torch.from_numpy(ctx.example(batch)["x"])).numpy()
        assert np.allclose(session.run(ctx.example(batch))["output"], expected, atol=1e-5)
    nonzero = int(net.first.weight.count_nonzero() + net.second.weight.count_nonzero())
    small = net.head.weight.numel() + net.head.bias.numel() + net.first.bias.numel()
    assert bench_torch.parameters(artifact).value == nonzero + small
    assert bench_torch.flops(artifact).value == 2 * (5 * nonzero + net.head.weight.numel())
    assert bench_torch.flops(whole).facts["effective"] == bench_torch.flops(artifact).value
    assert bench_torch.bitops(artifact).value == 32 * 32 * bench_torch.flops(artifact).value / 2


def test_the_same_module_gives_the_same_file(net, tmp_path):
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = bench_prune.sparse_csr(net, Context(tmp_path / name))
        digests.append(bench.Artifact.of(path, "torch-sparse").digest)
    assert digests[0] == digests[1]


def test_plain_bags_are_no_product(tmp_path):
    class Bags(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(10, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.bag(x))

    ctx = Context(tmp_path)
    ctx.example = lambda batch=1: {"x": np.zeros((batch, 3), np.int64)}
    artifact = bench.Artifact.of(bench_torch.torch_export(Bags().eval(), ctx), "torch")
    assert bench_torch.flops(artifact).value == 2 * 12


def test_a_model_that_is_not_sparse_is_unsupported(net, tmp_path):
    with pytest.raises(bench.Unsupported, match=r"no linear layer .* 95% zeros .*the sparsest of 3: 9\d%") as caught:
        bench_prune.sparse_csr(net, Context(tmp_path), above=0.95)
    assert "put prune" in str(caught.value)
    with pytest.raises(bench.Unsupported, match="float32"):
        bench_prune.sparse_csr(net.to(torch.bfloat16), Context(tmp_path))


def test_the_offer_leads_to_torch_only():
    (offer,) = [each for each in bench.offers_of(vars(bench_prune)) if each.name == "sparse-csr"]
    assert (offer.accepts, offer.produces) == (("module",), ("torch-sparse",))
