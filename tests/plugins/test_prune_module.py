"""Pruning of torch modules: masks hold, tensors shrink, nothing leaks."""

import bench_prune
import numpy as np
import pytest
import torch
from torch import nn

import bench


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.point = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, image):
        x = torch.relu(self.norm(self.stem(image)))
        x = x + torch.relu(self.point(self.depthwise(x)))
        return self.head(x.mean((2, 3)))


class Fixed(nn.Module):
    """Splits its channels into heads of a size that only the unpruned model has."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 12), nn.Linear(12, 12), nn.Linear(12, 2)

    def forward(self, image):
        heads = self.first(image).view(image.shape[0], 3, 4)
        return self.last(torch.relu(self.second(heads.flatten(1))))


class Context:
    """A context without a harness: seeded data and a tiny training loop."""

    seed, device = 7, "cpu"

    def __init__(self, steps=8):
        self.facts, self.lines, self.steps, self.seen = {}, [], steps, []
        generator = torch.Generator().manual_seed(1)
        self.images = torch.randn(32, 1, 6, 6, generator=generator)
        self.labels = (self.images.mean((1, 2, 3)) > 0).long()

    def example(self, batch=1):
        return {"image": self.images[:batch].numpy()}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        self.lines.append(message)

    def fit(self, model, *, epochs, seed, learning_rate=None, loss=None, after_step=None):
        torch.manual_seed(seed)
        model.train()
        optimiser = torch.optim.Adam(model.parameters(), learning_rate or 0.05)
        total = max(1, round(self.steps * epochs))
        for step in range(1, total + 1):
            optimiser.zero_grad()
            value = nn.functional.cross_entropy(model(image=self.images), self.labels)
            value.backward()
            optimiser.step()
            if after_step:
                after_step(step, total)
            self.seen.append(zeros(model))
        model.eval()
        return {"steps": total, "loss": float(value.detach())}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def weights(model):
    return [each for each in model.parameters() if each.dim() > 1]


def zeros(model):
    return sum(int((each == 0).sum()) for each in weights(model))


def total(model):
    return sum(each.numel() for each in weights(model))


def state(model):
    return {name: each.clone() for name, each in model.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


OPTIONS = [
    {},
    {"threshold": 0.1},
    {"scope": "layer", "sparsity": 0.7},
    {"structured": "channels"},
    {"sparsity": 0.6, "finetune": 1},
    {"sparsity": 0.6, "finetune": 1, "schedule": "polynomial"},
    {"structured": "channels", "scope": "layer", "norm": "l1", "finetune": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_input_stays_untouched_and_the_result_repeats(net, options):
    net.norm.train()  # a mode of its own, to be kept
    before, random = state(net), torch.get_rng_state()
    first = bench_prune.prune(net, Context(), **options)
    second = bench_prune.prune(net, Context(), **options)
    assert same(before, net.state_dict())
    assert torch.equal(random, torch.get_rng_state())
    assert same(state(first), second.state_dict())
    for model in (net, first):
        assert model.norm.training
        assert not model.head.training
    assert all(each.requires_grad for each in first.parameters())
    assert first(image=torch.zeros(5, 1, 6, 6)).shape == (5, 3)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.81])
def test_the_sparsity_is_reached_and_noted(net, sparsity):
    ctx = Context()
    pruned = bench_prune.prune(net, ctx, sparsity=sparsity)
    assert zeros(pruned) == round(sparsity * total(net))
    assert ctx.facts["sparsity"] == pytest.approx(sparsity, abs=1 / total(net))
    assert ctx.facts["parameters"] == sum(each.numel() for each in net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), pruned.parameters(), strict=True) if a.dim() < 2)


def test_the_default_is_half(net):
    assert zeros(bench_prune.prune(net, Context())) == round(0.5 * total(net))


def test_a_threshold_prunes_what_is_not_above_it(net):
    pruned = bench_prune.prune(net, Context(), threshold=0.1)
    for before, after in zip(weights(net), weights(pruned), strict=True):
        assert torch.equal(after, torch.where(before.abs() > 0.1, before, 0.0))


def test_zeros_hold_at_every_step_of_fine_tuning(net):
    ctx = Context()
    pruned = bench_prune.prune(net, ctx, sparsity=0.6, finetune=1)
    goal = round(0.6 * total(net))
    assert ctx.seen == [goal] * 8
    assert zeros(pruned) == goal
    assert not torch.equal(pruned.head.bias, net.head.bias)
    assert ctx.facts["fit"]["steps"] == 8


def test_the_polynomial_schedule_rises_to_the_target(net):
    ctx = Context(steps=12)
    pruned = bench_prune.prune(net, ctx, sparsity=0.6, finetune=1, schedule="polynomial", steps=3)
    goal = round(0.6 * total(net))
    assert len(set(ctx.seen)) == 4  # none, and three rises
    assert ctx.seen == sorted(ctx.seen)
    assert ctx.seen[-1] == zeros(pruned) == goal
    assert ctx.seen[0] == 0


def test_a_schedule_longer_than_the_training_still_ends_at_the_target(net):
    pruned = bench_prune.prune(net, Context(steps=1), sparsity=0.6, finetune=1, schedule="polynomial")
    assert zeros(pruned) == round(0.6 * total(net))


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_channels_really_shrink_tensors(net, scope, norm):
    ctx = Context()
    slim = bench_prune.prune(net, ctx, structured="channels", scope=scope, norm=norm)
    assert 1 <= slim.stem.weight.shape[0] < 8
    assert slim.head.weight.shape[0] == 3
    assert slim.head.weight.shape[1] == slim.stem.weight.shape[0] == slim.norm.num_features
    after = sum(each.numel() for each in slim.parameters())
    assert ctx.facts["parameters"] == after < ctx.facts["parameters_before"]
    assert ctx.facts["sparsity"] == pytest.approx(1 - after / ctx.facts["parameters_before"])
    assert slim(image=torch.zeros(1, 1, 6, 6)).shape == (1, 3)


def test_the_weakest_channel_goes_first(net):
    with torch.no_grad():
        for each in (net.stem, net.point):
            each.weight[2] = 0
            each.bias[2] = 0
    slim = bench_prune.prune(net, Context(), structured="channels", scope="layer", sparsity=0.125, round_to=1)
    kept = [i for i in range(8) if i != 2]
    assert torch.equal(slim.stem.weight, net.stem.weight[kept])


@pytest.mark.parametrize(("round_to", "width"), [(1, 6), (2, 6), (4, 4)])
def test_widths_are_multiples(net, round_to, width):
    slim = bench_prune.prune(net, Context(), structured="channels", scope="layer", sparsity=0.25, round_to=round_to)
    assert [slim.stem.out_channels, slim.point.out_channels, slim.head.in_features] == [width] * 3


def test_frozen_parameters_stay_frozen(net):
    net.head.requires_grad_(False)
    slim = bench_prune.prune(net, Context(), structured="channels")
    assert [each.requires_grad for each in slim.head.parameters()] == [False, False]
    assert slim.stem.weight.requires_grad


def test_a_model_that_counts_on_its_width_is_unsupported():
    ctx = Context()
    ctx.example = lambda batch=1: {"image": np.zeros((batch, 6), np.float32)}
    with pytest.raises(bench.Unsupported, match="fixed width") as caught:
        bench_prune.prune(Fixed(), ctx, structured="channels")
    assert "structured: none" in str(caught.value)


def test_a_model_that_is_all_output_is_unsupported():
    class Single(nn.Module):
        def __init__(self):
            super().__init__()
            self.only = nn.Linear(6, 2)

        def forward(self, image):
            return torch.relu(self.only(image))

    ctx = Context()
    ctx.example = lambda batch=1: {"image": np.zeros((batch, 6), np.float32)}
    with pytest.raises(bench.Unsupported, match="straight to its output"):
        bench_prune.prune(Single(), ctx, structured="channels")


def test_a_model_without_weights_is_unsupported():
    with pytest.raises(bench.Unsupported, match="prune before quantize"):
        bench_prune.prune(nn.ReLU(), Context())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 0.5, "threshold": 0.1}, "two targets"),
        ({"structured": "channels", "threshold": 0.1}, "give sparsity"),
        ({"structured": "channels", "schedule": "polynomial", "finetune": 1}, "at once"),
        ({"threshold": 0.1, "schedule": "polynomial", "finetune": 1}, "leads to a sparsity"),
        ({"schedule": "polynomial"}, "give finetune"),
    ],
)
def test_options_that_contradict_one_another_are_refused(net, options, message):
    with pytest.raises(bench.BenchError, match=message):
        bench_prune.prune(net, Context(), **options)


def test_bfloat16_weights_can_be_pruned(net):
    pruned = bench_prune.prune(net.to(torch.bfloat16), Context())
    assert zeros(pruned) >= round(0.5 * total(net))  # bfloat16 may hold zeros of its own
    assert weights(pruned)[0].dtype == torch.bfloat16


def test_the_offers():
    offers = bench.offers_of(vars(bench_prune))
    assert [(each.name, each.accepts, each.produces) for each in offers] == [
        ("prune", ("module",), ("module",)),
        ("prune", ("onnx",), ("onnx",)),
    ]
    assert all(option.help for offer in offers for option in offer.options)
