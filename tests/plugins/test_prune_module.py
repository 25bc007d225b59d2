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

    def labelled(self, n):
        return {"image": self.images[:n].numpy()}, self.labels[:n].numpy()

    def calibration(self, n):
        return {"image": self.images[:n].numpy()}

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
    *({"method": each} for each in ("random", "snip", "grasp", "taylor", "fisher", "wanda")),
    *({"structured": "channels", "method": each} for each in ("random", "taylor", "fisher", "apoz")),
    {"method": "lottery", "finetune": 0.5},
    {"method": "lottery", "finetune": 0.25, "schedule": "iterative", "steps": 2},
    {"method": "movement", "finetune": 1, "schedule": "polynomial"},
    {"method": "snip", "finetune": 1, "schedule": "agp", "frequency": 2},
    {"finetune": 1, "schedule": "iterative", "steps": 3},
    {"finetune": 1, "schedule": "gradual", "initial_sparsity": 0.2, "begin": 0.25, "end": 1.0},
    {"pattern": "2:4"},
    {"pattern": "4x1", "sparsity": 0.4, "scope": "layer", "finetune": 0.25},
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
        ({"sparsity": 0.5, "threshold": 0.1}, "sparsity 0.5 and threshold 0.1 are two targets"),
        ({"structured": "channels", "threshold": 0.1}, "give sparsity"),
        ({"structured": "channels", "schedule": "polynomial", "finetune": 1}, "at once"),
        ({"threshold": 0.1, "schedule": "polynomial", "finetune": 1}, "leads to a sparsity"),
        ({"schedule": "polynomial"}, "give finetune"),
        ({"method": "snip", "threshold": 0.1}, "threshold 0.1 is compared with .* method snip"),
        ({"method": "apoz"}, "method apoz ranks channels, structured: none"),
        ({"method": "wanda", "structured": "channels"}, "structured: channels and method wanda"),
        ({"method": "snip", "structured": "heads"}, "structured: heads and method snip"),
        ({"pattern": "2:4", "sparsity": 0.5}, "pattern 2:4 .* sparsity 0.5"),
        ({"pattern": "2:4", "scope": "layer"}, "pattern 2:4 .* scope layer"),
        ({"pattern": "2:4", "finetune": 1, "schedule": "gradual"}, "pattern 2:4 .* schedule gradual"),
        ({"pattern": "4x1", "threshold": 0.1}, "threshold 0.1 judges single weights, pattern 4x1"),
        ({"pattern": "4x1", "scope": "row"}, "blocks of 4x1 .* scope row"),
        ({"pattern": "4x1", "structured": "channels"}, "structured: channels and pattern 4x1"),
        ({"structured": "channels", "scope": "row"}, "channels are whole rows; scope row"),
        ({"pattern": "4:4"}, "'4:4' is none of"),
        ({"pattern": "0x1"}, "'0x1' is none of"),
        ({"pattern": "two of four"}, "is none of"),
        ({"method": "lottery"}, "method lottery .* finetune is 0"),
        ({"method": "movement", "finetune": 1}, "movement .* schedule one-shot"),
        ({"method": "lottery", "finetune": 1, "schedule": "agp"}, "lottery .* schedule agp"),
        ({"frequency": 3}, "frequency belongs to schedule agp, not to one-shot"),
        ({"begin": 0.8}, "begin 0.8 is not before end 0.75"),
        ({"initial_sparsity": 0.6}, "initial_sparsity 0.6 is above sparsity 0.5"),
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
        ("sparse-csr", ("module",), ("torch-sparse",)),
        ("low-rank", ("module",), ("module",)),
    ]
    assert all(option.help for offer in offers for option in offer.options)


def test_every_method_reaches_the_sparsity_and_ranks_its_own_way(net):
    masks = {}
    for method in ("magnitude", "random", "snip", "grasp", "taylor", "fisher"):
        pruned = bench_prune.prune(net, Context(), method=method, sparsity=0.6)
        assert zeros(pruned) == round(0.6 * total(net))
        masks[method] = torch.cat([(each != 0).flatten() for each in weights(pruned)]).numpy().tobytes()
    assert masks.pop("taylor") == masks["snip"]  # 32 examples are one batch: the square keeps the order
    assert len(set(masks.values())) == len(masks)


def test_wanda_prunes_each_output_row_alike(net):
    pruned = bench_prune.prune(net, Context(), method="wanda", sparsity=0.5)
    for each in weights(pruned):
        rows = (each == 0).flatten(1)
        assert rows.sum(1).tolist() == [round(0.5 * rows.shape[1])] * len(rows)


def test_lottery_puts_what_stays_back_where_it_was(net):
    """Between its trainings a ticket holds the weights that were handed in; the last training moves them on."""
    starts = []

    class Watched(Context):
        def fit(self, model, **options):
            starts.append(state(model))
            return super().fit(model, **options)

    pruned = bench_prune.prune(
        net, Watched(), method="lottery", sparsity=0.75, finetune=1, schedule="iterative", steps=2
    )
    assert len(starts) == 3
    shares = []
    for start in starts:
        for name, weight in start.items():
            given = net.state_dict()[name]
            assert torch.equal(weight, torch.where(weight == 0, torch.zeros_like(given), given))
        shares.append(sum(int((each == 0).sum()) for name, each in start.items() if each.dim() > 1) / total(net))
    assert shares == pytest.approx([0, 0.5, 0.75], abs=1 / total(net))
    assert zeros(pruned) == round(0.75 * total(net))


def test_a_ticket_is_chosen_by_the_trained_weights(net):
    """Not by those it is rewound to: that would be magnitude pruning."""
    ticket = bench_prune.prune(net, Context(), method="lottery", sparsity=0.6, finetune=1)
    plain = bench_prune.prune(net, Context(), sparsity=0.6)
    assert any(not torch.equal(a == 0, b == 0) for a, b in zip(weights(ticket), weights(plain), strict=True))


def test_movement_sums_minus_gradient_times_weight():
    """By hand: one linear layer, gradient descent, a mask after the second of three steps (Sanh et al., eq. 2)."""
    x, target, rate = torch.tensor([[1.0, 2.0, -1.0, 0.5]]), torch.tensor([[1.0, -1.0]]), 0.1
    net = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.3, -0.2, 0.4, 0.1], [0.5, 0.1, -0.3, 0.2]]))

    class Descent(Context):
        def fit(self, model, *, epochs, seed, learning_rate=None, loss=None, after_step=None):
            for step in range(1, 4):
                model.zero_grad()
                ((model(x) - target) ** 2).sum().backward()
                with torch.no_grad():
                    model.weight -= rate * model.weight.grad
                after_step(step, 3)
            return {}

    pruned = bench_prune.prune(
        net, Descent(), method="movement", sparsity=0.5, finetune=1, schedule="gradual", steps=1, end=0.67
    )
    w, score, kept = net.weight.detach().clone(), torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool)
    for step in range(1, 4):
        gradient = 2 * ((w * kept) @ x.T - target.T) @ x
        score -= gradient * w
        w = torch.where(kept, w - rate * gradient, w)
        if step == 2:
            kept = score >= score.flatten().sort().values[4]
    assert torch.allclose(pruned.weight, w * kept, atol=1e-6)
    assert int((pruned.weight == 0).sum()) == 4


class Attentive(nn.Module):
    """Self-attention with four heads of three features."""

    def __init__(self, fixed=False):
        super().__init__()
        self.num_heads, self.fixed = 4, fixed
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(12, 12) for _ in range(4))

    def forward(self, image):
        heads = 4 if self.fixed else self.num_heads
        q, k, v = (
            each(image).unflatten(-1, (heads, -1)).transpose(1, 2) for each in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Words(Context):
    def example(self, batch=1):
        return {"image": np.random.default_rng(0).normal(size=(batch, 5, 12)).astype(np.float32)}


def test_heads_leave_and_projections_shrink():
    torch.manual_seed(0)
    net, ctx = Attentive(), Words()
    with torch.no_grad():
        for each in (net.q_proj, net.k_proj, net.v_proj):
            each.weight[3:6] *= 0.01
        net.out_proj.weight[:, 3:6] *= 0.01
    slim = bench_prune.prune(net, ctx, structured="heads", sparsity=0.25)
    kept = [0, 1, 2, 6, 7, 8, 9, 10, 11]
    assert torch.equal(slim.v_proj.weight, net.v_proj.weight[kept])
    assert torch.equal(slim.q_proj.bias, net.q_proj.bias[kept])
    assert torch.equal(slim.out_proj.weight, net.out_proj.weight[:, kept])
    assert (slim.num_heads, net.num_heads) == (3, 4)
    assert ctx.facts["heads"] == {"": 3}
    assert ctx.facts["parameters"] == sum(each.numel() for each in slim.parameters()) < ctx.facts["parameters_before"]


@pytest.mark.parametrize("options", [{"method": "random"}, {"norm": "l1", "scope": "layer"}, {"sparsity": 0.99}])
def test_every_attention_keeps_a_head(options):
    net = Attentive()
    slim = bench_prune.prune(net, Words(), structured="heads", **options)
    assert 1 <= slim.num_heads < 4
    assert slim(image=torch.zeros(2, 5, 12)).shape == (2, 5, 12)


def test_an_attention_that_counts_on_all_heads_is_unsupported():
    with pytest.raises(bench.Unsupported, match="heads") as caught:
        bench_prune.prune(Attentive(fixed=True), Words(), structured="heads", sparsity=0.25)
    assert "take the number of heads from the module" in str(caught.value)


def test_a_model_without_attention_has_no_heads(net):
    with pytest.raises(bench.Unsupported, match="no attention was found"):
        bench_prune.prune(net, Context(), structured="heads")
