"""Scores against their papers' formulae, computed another way, and against the libraries that implement them."""

import numpy as np
import pytest
import torch
from bench_prune import activation, gradient
from bench_prune.importance import gate_fisher, nonzero_shares
from bench_prune.masks import score_masks
from bench_prune.options import Options
from bench_prune.scores import random
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune as reference


class Net(nn.Module):
    """A convolution with groups, stride and dilation, and two linear layers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=2)
        self.hidden = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.relu(self.hidden(torch.relu(self.conv(x)).mean((2, 3)))))


class Context:
    seed = 5

    def __init__(self, n=20):
        generator = torch.Generator().manual_seed(2)
        self.x = torch.randn(n, 2, 6, 6, generator=generator)
        self.y = torch.randint(3, (n,), generator=generator)

    def labelled(self, n):
        return {"x": self.x[:n].numpy()}, self.y[:n].numpy()

    def calibration(self, n):
        return {"x": self.x[:n].numpy()}


@pytest.fixture
def net():
    torch.manual_seed(3)
    return Net().eval()


OPTIONS = Options(examples=12)
NAMES = ("conv.weight", "hidden.weight", "head.weight")


def loss_of(net, ctx, rows):
    rest = {name: each.detach() for name, each in net.named_parameters()}
    return lambda weights: cross_entropy(
        torch.func.functional_call(net, {**rest, **weights}, (ctx.x[rows],)), ctx.y[rows]
    )


def weights_of(net):
    return {name: each.detach() for name, each in net.named_parameters() if name in NAMES}


def test_snip_is_weight_times_gradient(net):
    ctx = Context()
    slopes = torch.func.grad(loss_of(net, ctx, slice(12)))(weights_of(net))
    for name, score in gradient.snip(net, ctx, OPTIONS).items():
        assert np.allclose(score, (weights_of(net)[name] * slopes[name]).abs(), rtol=1e-5, atol=1e-9)


def test_snip_foretells_what_taking_out_a_little_of_a_weight_does(net):
    """The connection sensitivity is the loss's derivative by a gate on the weight (SNIP, eq. 4)."""
    ctx = Context()
    scores = gradient.snip(net, ctx, OPTIONS)["head.weight"]
    gate, loss = 0.05, loss_of(net, ctx, slice(12))
    for place in np.ndindex(scores.shape):
        moved = []
        for factor in (1 - gate, 1 + gate):
            weights = weights_of(net)
            weights["head.weight"] = weights["head.weight"].clone()
            weights["head.weight"][place] *= factor
            moved.append(float(loss(weights)))
        assert abs(moved[0] - moved[1]) / (2 * gate) == pytest.approx(float(scores[place]), abs=5e-5)


def test_fisher_is_half_the_mean_of_squared_gates_of_single_examples(net):
    ctx = Context()
    found = gradient.fisher(net, ctx, OPTIONS)
    expected = {name: torch.zeros_like(each) for name, each in weights_of(net).items()}
    for row in range(12):
        slopes = torch.func.grad(loss_of(net, ctx, slice(row, row + 1)))(weights_of(net))
        for name, w in weights_of(net).items():
            expected[name] += (w * slopes[name]) ** 2 / 24
    assert all(np.allclose(found[name], expected[name], rtol=1e-4, atol=1e-9) for name in NAMES)


def test_taylor_squares_the_gate_of_each_batch(net):
    ctx = Context(100)
    found = gradient.taylor(net, ctx, Options(examples=100))
    rows = (slice(64), slice(64, 100))
    slopes = [torch.func.grad(loss_of(net, ctx, each))(weights_of(net)) for each in rows]
    for name, w in weights_of(net).items():
        expected = 0.64 * (w * slopes[0][name]) ** 2 + 0.36 * (w * slopes[1][name]) ** 2
        assert np.allclose(found[name], expected, rtol=1e-4, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch.func's own use of it
def test_grasp_is_weight_times_hessian_times_gradient(net):
    ctx = Context()
    weights, loss = weights_of(net), loss_of(net, ctx, slice(12))
    slopes, hessian = torch.func.grad(loss)(weights), torch.func.hessian(loss)(weights)
    for name, score in gradient.grasp(net, ctx, OPTIONS).items():
        product = sum((hessian[name][other] * slopes[other]).flatten(weights[name].dim()).sum(-1) for other in weights)
        assert np.allclose(score, weights[name] * product, rtol=1e-3, atol=1e-7)


def test_gradients_are_taken_in_evaluation_mode_and_leave_nothing(net):
    net.hidden.train()
    net.head.requires_grad_(False)
    found = gradient.snip(net, Context(), OPTIONS)
    assert found["head.weight"].any()
    assert all(each.grad is None for each in net.parameters())
    assert not net.head.weight.requires_grad
    assert net.hidden.training
    assert not net.training


def test_wanda_multiplies_by_the_norm_of_what_each_weight_met(net):
    """Every product of the convolution, one by one, by setting a single tap to one."""
    ctx = Context()
    score = activation.wanda(net, ctx, OPTIONS)["conv.weight"]
    probe = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=2, bias=False)
    with torch.no_grad():
        for place in np.ndindex(score.shape):
            probe.weight.zero_()
            probe.weight[place] = 1
            norm = probe(ctx.x[:12])[:, place[0]].norm()
            assert score[place] == pytest.approx(float(net.conv.weight[place].abs() * norm), rel=1e-4)


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning")
def test_wanda_agrees_with_torchao():
    """torchao multiplies by the squared norm and ranks over the layer; ours, so changed, agrees."""
    torchao = pytest.importorskip("torchao.sparsity", reason="torchao is what is compared with, and no dependency")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    x = torch.randn(30, 16)

    class Points:
        def calibration(self, n):
            return {"input": x[:n].numpy()}

    mine = activation.wanda(net, Points(), Options(examples=30))
    weights = {name: each.detach().abs().numpy() for name, each in net.named_parameters() if each.dim() > 1}
    masks = score_masks({name: each**2 / weights[name] for name, each in mine.items()}, 0.5, scope="layer")
    sparsifier = torchao.WandaSparsifier(sparsity_level=0.5)
    sparsifier.prepare(net, config=None)
    net(x)
    sparsifier.step()
    sparsifier.squash_mask()
    for name, mask in masks.items():
        theirs = dict(net.named_parameters())[name].detach().numpy() != 0
        assert np.array_equal(mask, theirs)


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_random_agrees_bit_for_bit_with_torch(scope, sparsity):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(17, 9), nn.Conv2d(3, 5, 3), nn.Linear(4, 31))
    scores = random(net, Context(), Options())
    masks = score_masks(scores, sparsity, scope=scope)
    before = {name: each.detach().clone() for name, each in net.named_parameters() if each.dim() > 1}
    torch.manual_seed(Context.seed)
    if scope == "layer":
        for each in net:
            reference.random_unstructured(each, "weight", amount=sparsity)
    else:
        reference.global_unstructured([(each, "weight") for each in net], reference.RandomUnstructured, amount=sparsity)
    for each, (name, weight) in zip(net, before.items(), strict=True):
        assert (weight.numpy() * masks[name]).tobytes() == each.weight.detach().numpy().tobytes()


def test_apoz_counts_the_zeros_that_the_next_layer_reads(net):
    ctx = Context()
    shares = nonzero_shares(net, ctx, 12)
    with torch.no_grad():
        hidden = torch.relu(net.hidden(torch.relu(net.conv(ctx.x[:12])).mean((2, 3))))
    assert torch.allclose(shares[net.head], (hidden != 0).float().mean(0))
    assert 0 < float(shares[net.head].mean()) < 1


def test_the_channel_fisher_is_the_derivative_by_a_gate(net):
    """A gate of 1 - h on a channel changes an example's loss by about g h."""
    ctx = Context()
    found = gate_fisher(net, ctx, 8)[net.head]
    gates = []
    for row in range(8):
        with torch.no_grad():
            hidden = torch.relu(net.hidden(torch.relu(net.conv(ctx.x[row : row + 1])).mean((2, 3))))
        gate = torch.ones(6, requires_grad=True)
        (slope,) = torch.autograd.grad(cross_entropy(net.head(hidden * gate), ctx.y[row : row + 1]), gate)
        gates.append(slope)
    assert torch.allclose(found, (torch.stack(gates) ** 2).mean(0) / 2, rtol=1e-4, atol=1e-9)
