"""Low-rank factors: exact at full rank, best at every other, thinner in fact."""

import bench_prune
import bench_tasks
import numpy as np
import pytest
import torch
from bench_prune.lowrank import Budget, channel_pair, linear_pair, spatial_pair
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import bench
from bench.worker.context import WorkerContext


class Context:
    seed = 0

    def __init__(self):
        self.facts = {}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    make=st.sampled_from([channel_pair, spatial_pair]),
    bias=st.booleans(),
)
def test_a_convolution_at_full_rank_is_itself(kernel, stride, dilation, padding, make, bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, kernel, stride, padding, dilation, bias=bias)
    pair, _ = make(layer, Budget(energy=1.0))
    x = torch.randn(2, 3, 9, 8)
    with torch.no_grad():
        assert pair(x).shape == layer(x).shape
        assert torch.allclose(pair(x), layer(x), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_a_linear_pair_is_the_best_of_its_rank(rank):
    """Eckart and Young: the error is what the singular values left out say."""
    torch.manual_seed(0)
    layer = nn.Linear(8, 6)
    pair, got = linear_pair(layer, Budget(rank=rank))
    product = pair[1].weight @ pair[0].weight
    left_out = torch.linalg.svdvals(layer.weight.detach())[rank:]
    assert got == rank == pair[0].out_features
    assert float((product - layer.weight).detach().norm()) == pytest.approx(float(left_out.norm()), abs=1e-5)
    assert torch.equal(pair[1].bias, layer.bias)


def test_budgets_by_hand():
    values = torch.tensor([4.0, 2.0, 1.0, 1.0])  # squares 16, 4, 1, 1 of 22
    assert Budget(rank=9).of(values, 1, 1) == 4
    assert [Budget(energy=each).of(values, 1, 1) for each in (0.7, 16 / 22, 0.9, 20 / 22, 0.95, 1.0)] == [
        1,
        1,
        2,
        2,
        3,
        4,
    ]
    assert Budget(ratio=0.5).of(values, 10, 60) == 3
    assert Budget().of(values, 10, 60) == 3
    assert Budget(ratio=0.01).of(values, 10, 60) == 1


def test_layers_that_would_not_shrink_stay_and_the_input_is_untouched():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)).eval()
    net[0].weight.requires_grad_(False)
    before = {name: each.clone() for name, each in net.state_dict().items()}
    ctx = Context()
    slim = bench_prune.low_rank(net, ctx, rank=4)
    assert [type(each) for each in slim] == [nn.Sequential, nn.ReLU, nn.Linear]
    assert ctx.facts == {"ranks": {"0": 4}, "parameters": 2 * 32 * 4 + 32 + 66, "parameters_before": 32 * 32 + 32 + 66}
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())
    assert not slim.training
    assert not slim[0].training
    assert not slim[0][0].weight.requires_grad
    again = bench_prune.low_rank(net, Context(), rank=4)
    assert all(torch.equal(a, b) for a, b in zip(slim.parameters(), again.parameters(), strict=True))


def test_a_single_layer_is_a_model_too():
    slim = bench_prune.low_rank(nn.Linear(16, 16), Context(), ratio=0.25)
    assert sum(each.numel() for each in slim.parameters()) == 2 * 2 * 16 + 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 2, "energy": 0.5}, "rank 2 and energy 0.5 are different targets"),
        ({"energy": 0.5, "ratio": 0.25}, "energy 0.5 and ratio 0.25"),
    ],
)
def test_two_targets_contradict_one_another(options, message):
    with pytest.raises(bench.BenchError, match=message):
        bench_prune.low_rank(nn.Linear(4, 4), Context(), **options)


def test_nothing_to_gain_is_unsupported():
    with pytest.raises(bench.Unsupported, match="lower rank"):
        bench_prune.low_rank(nn.Sequential(nn.Linear(8, 8)), Context(), rank=8)
    with pytest.raises(bench.Unsupported, match="no linear or convolution"):
        bench_prune.low_rank(nn.Conv2d(8, 8, 3), Context(), conv="none")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"energy": 0.9}, 0.88, 0.94),
        ({"energy": 0.9, "conv": "spatial"}, 0.94, 0.975),
        ({"energy": 0.8, "finetune": 1}, 0.93, 0.97),
        ({"ratio": 0.5}, 0.05, 0.25),
        ({"ratio": 0.5, "finetune": 1}, 0.55, 0.78),
    ],
)
def test_the_accuracy_is_in_its_band(tmp_path, options, low, high):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        task = bench_tasks.mnist_resnet8()
        ctx = WorkerContext(task, seed=0, workdir=tmp_path)
        slim = bench_prune.low_rank(task.module(), ctx, **options)
        with torch.no_grad():
            batches = torch.from_numpy(task.inputs("evaluation")["x"]).split(500)
            logits = np.concatenate([slim(each).numpy() for each in batches])
    finally:
        torch.set_num_threads(threads)
    assert low <= task.score({"output": logits}).value <= high
    assert ctx.facts["parameters"] < 0.8 * ctx.facts["parameters_before"]
